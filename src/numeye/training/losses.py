"""How wrong an answer is, and whether it is right: one object for each way of asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

NO_DIGIT = 10


class CrossEntropy(nn.CrossEntropyLoss):
    """Of ten logits against the digit that is written."""

    def right(self, outputs: Tensor, targets: Tensor) -> Bool[Tensor, " n"]:
        """Whether the best answer is what is written."""
        return outputs.argmax(dim=1) == targets


class FindAndRead(nn.Module):
    """Of eleven logits against the digit, or "no digit", and of the box against where the digit is.

    A digit of a few pixels is to be found, and read in a closer look: any of the ten is right.
    """

    legible = 0.2  # of the view, the longer side of the digit
    box_weight = 4.0

    def forward(self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]) -> Float[Tensor, ""]:
        """The mean over a batch."""
        labels = targets[:, 0].long()
        there = labels < NO_DIGIT
        logs = functional.log_softmax(outputs[:, :11], dim=1)
        one = torch.gather(logs, 1, labels[:, None])[:, 0]
        some = torch.logsumexp(logs[:, :NO_DIGIT], dim=1)
        read = -torch.where(self._legible(targets), one, some).sum() / len(targets)
        found = functional.smooth_l1_loss(outputs[there, 11:], targets[there, 1:], beta=0.05, reduction="sum")
        loss: Tensor = read + self.box_weight * found / len(targets)
        return loss

    def right(self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]) -> Bool[Tensor, " n"]:
        """Whether the best of the eleven answers is right."""
        best = outputs[:, :11].argmax(dim=1)
        return torch.where(self._legible(targets), best == targets[:, 0].long(), best < NO_DIGIT)

    def _legible(self, targets: Float[Tensor, "n 5"]) -> Bool[Tensor, " n"]:
        """Where it is told which digit it is, or that there is none."""
        return (targets[:, 0] >= NO_DIGIT) | (targets[:, 3:].amax(dim=1) >= self.legible)


class Spot(nn.Module):
    """Of maps (N, 15, H, W) that say where digits are, which, and how large, against lists of digits.

    The middle of a digit is learnt as a peak (CenterNet, Zhou et al. 2019, https://arxiv.org/abs/1904.07850); which
    digit it is and its box, where the peak is. What the border cuts off may be found or not.
    """

    stride = 4
    near = 0.3  # of a peak; where it is higher, digit and box are learnt
    found = 0.4  # probability of a peak that counts
    class_weight, box_weight = 1.0, 1.0

    def forward(self, outputs: Float[Tensor, "n 15 h w"], targets: Float[Tensor, "n k 5"]) -> Float[Tensor, ""]:
        """The mean over the digits."""
        labels, there = targets[..., 0].long(), self._read(targets)
        peaks = self._peaks(outputs, targets)  # (N, K, H, W)
        heat, owner = self._owned(outputs, targets, peaks)
        counted = ~self._ignored(outputs, targets)
        middle = functional.logsigmoid(outputs[:, 0]), functional.logsigmoid(-outputs[:, 0])
        chance = outputs[:, 0].sigmoid()
        top = self._tops(outputs, targets)
        hit = -(middle[0] * (1 - chance) ** 2 * top).sum()
        miss = -(middle[1] * chance**2 * (1 - heat) ** 4 * ~top * counted).sum()
        count = there.sum().clamp(min=1)
        weight = self._shares(torch.where(top, 1.0, heat * (heat > self.near)), owner, targets)
        wanted = torch.gather(labels.clamp(min=0), 1, owner.flatten(1)).view_as(owner)  # (N, H, W)
        which = functional.cross_entropy(outputs[:, 1:11], wanted.clamp(max=9), reduction="none")
        boxes = self._boxes(outputs, targets, owner)
        wrong = functional.smooth_l1_loss(outputs[:, 11:], boxes, reduction="none", beta=0.1).sum(dim=1)
        read_and_framed = (weight * (self.class_weight * which + self.box_weight * wrong)).sum() / count
        loss: Tensor = (hit + miss) / count + read_and_framed
        return loss

    def right(self, outputs: Float[Tensor, "n 15 h w"], targets: Float[Tensor, "n k 5"]) -> Bool[Tensor, " n"]:
        """Whether all digits of a view were found and read, and nothing else was."""
        middle = outputs[:, :1].sigmoid()
        highest = (middle == functional.max_pool2d(middle, 3, 1, 1)) & (middle > self.found)
        peaks = highest[:, 0] & (~self._ignored(outputs, targets) | self._tops(outputs, targets))
        said = torch.where(peaks, outputs[:, 1:11].argmax(dim=1), -1)  # (N, H, W)
        rows, columns = self._cells(outputs, targets)
        around = functional.pad(said.float(), (1, 1, 1, 1), value=-1)
        which, number = targets[..., 0], torch.arange(len(targets), device=targets.device)[:, None]
        read = torch.zeros_like(which, dtype=torch.bool)
        for down in range(3):
            for across in range(3):
                read |= around[number, rows + down, columns + across] == which
        there = self._read(targets)
        return (read | ~there).all(dim=1) & (peaks.sum(dim=(1, 2)) == there.sum(dim=1))

    def _read(self, targets: Tensor) -> Tensor:
        return (targets[..., 0] >= 0) & (targets[..., 0] < NO_DIGIT)

    def _cells(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column of the cell in which each middle lies."""
        height, width = outputs.shape[2:]
        cells = (targets[..., 1:3] / self.stride).long()
        return cells[..., 1].clamp(0, height - 1), cells[..., 0].clamp(0, width - 1)

    def _grid(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Where the cells are: x (1, 1, 1, W) and y (1, 1, H, 1) of the middles of the cells, in pixels."""
        height, width = outputs.shape[2:]
        x = (torch.arange(width, device=outputs.device) + 0.5) * self.stride
        y = (torch.arange(height, device=outputs.device) + 0.5) * self.stride
        return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)

    def _peaks(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """A bell over each digit, a sixth of its box wide; 0 for those that are not read."""
        x, y = self._grid(outputs)
        middle_x, middle_y, width, height = (targets[..., i, None, None] for i in range(1, 5))  # (N, K, 1, 1)
        wide, high = (width / 6).clamp(min=1.5), (height / 6).clamp(min=1.5)
        bell = torch.exp(-(((x - middle_x) / wide) ** 2 + ((y - middle_y) / high) ** 2) / 2)
        return bell * self._read(targets)[..., None, None]

    def _owned(self, outputs: Tensor, targets: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
        """How high the highest bell is over each cell, and whose it is; where a middle lies, that digit's."""
        heat, owner = peaks.max(dim=1)
        rows, columns = self._cells(outputs, targets)
        picture, place = self._read(targets).nonzero(as_tuple=True)
        owner[picture, rows[picture, place], columns[picture, place]] = place
        return heat, owner

    def _shares(self, weight: Tensor, owner: Tensor, targets: Tensor) -> Tensor:
        """Weights of cells (N, H, W) that add up to 1 for each digit, be it large or small."""
        sums = torch.zeros(targets.shape[:2], device=weight.device)  # (N, K)
        sums.scatter_add_(1, owner.flatten(1), weight.flatten(1))
        return weight / torch.gather(sums, 1, owner.flatten(1)).view_as(weight).clamp(min=1e-6)

    def _tops(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The cells with a middle in them."""
        tops = torch.zeros_like(outputs[:, 0], dtype=torch.bool)
        rows, columns = self._cells(outputs, targets)
        picture, place = self._read(targets).nonzero(as_tuple=True)
        tops[picture, rows[picture, place], columns[picture, place]] = True
        return tops

    def _ignored(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The cells in the boxes of digits that may be found or not."""
        x, y = self._grid(outputs)
        middle_x, middle_y, width, height = (targets[..., i, None, None] for i in range(1, 5))
        inside = ((x - middle_x).abs() <= width / 2 + 2) & ((y - middle_y).abs() <= height / 2 + 2)
        return (inside & (targets[..., 0] == NO_DIGIT)[..., None, None]).any(dim=1)

    def _boxes(self, outputs: Tensor, targets: Tensor, owner: Tensor) -> Tensor:
        """For each cell, how its digit's box is said: from the cell to the middle, and the sides' logarithms."""
        x, y = self._grid(outputs)
        taken = [torch.gather(targets[..., i], 1, owner.flatten(1)).view_as(owner) for i in range(1, 5)]
        sides = [(side.clamp(min=1) / 16).log() for side in taken[2:]]
        return torch.stack([(taken[0] - x[0]) / 8, (taken[1] - y[0]) / 8, *sides], dim=1)
