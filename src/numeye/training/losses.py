"""Loss functions, one for each task; each also says which answers are correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from numeye.models.characters import CHARACTERS, NO_CHARACTER, OTHER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64

NO_DIGIT = 10  # the label
LETTER = CHARACTERS.index(OTHER)
CLASSES = slice(1, 1 + NO_CHARACTER)  # channels of the detector's maps with the class logits


class ClassificationLoss(nn.CrossEntropyLoss):
    """Cross-entropy of ten logits and the digit."""

    def correct(self, outputs: Tensor, targets: Tensor) -> Bool[Tensor, " n"]:
        """Return whether the best digit is the target."""
        return outputs.argmax(dim=1) == targets


class LocalizationLoss(nn.Module):
    """Cross-entropy of eleven logits and the digit or "no digit", plus the error of the box.

    A digit of a few pixels must be found only, because a closer crop reads it: any of the ten
    digits is correct.

    Attributes:
        min_legible: share of the crop that the longer side of a digit needs to be read.
        box_weight: weight of the box's error.
    """

    min_legible = 0.2
    box_weight = 4.0

    def forward(
        self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]
    ) -> Float[Tensor, ""]:
        """Return the mean over a batch.

        Args:
            outputs: eleven logits, then the box.
            targets: label, then centre x, centre y, width and height as shares of the crop.
        """
        labels = targets[:, 0].long()
        has_digit = labels < NO_DIGIT
        logs = functional.log_softmax(outputs[:, :11], dim=1)
        label_log = torch.gather(logs, 1, labels[:, None])[:, 0]
        any_digit_log = torch.logsumexp(logs[:, :NO_DIGIT], dim=1)
        class_loss = -torch.where(self._legible(targets), label_log, any_digit_log).sum() / len(
            targets
        )
        box_loss = functional.smooth_l1_loss(
            outputs[has_digit, 11:], targets[has_digit, 1:], beta=0.05, reduction="sum"
        )
        loss: Tensor = class_loss + self.box_weight * box_loss / len(targets)
        return loss

    def correct(
        self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]
    ) -> Bool[Tensor, " n"]:
        """Return whether the best of the eleven answers is correct."""
        best = outputs[:, :11].argmax(dim=1)
        return torch.where(self._legible(targets), best == targets[:, 0].long(), best < NO_DIGIT)

    def _legible(self, targets: Float[Tensor, "n 5"]) -> Bool[Tensor, " n"]:
        """Return where the digit is large enough to be read, or there is none."""
        return (targets[:, 0] >= NO_DIGIT) | (targets[:, 3:].amax(dim=1) >= self.min_legible)


class DetectionLoss(nn.Module):
    """Loss of maps (N, 33, H, W): objectness, class logits and a box in each cell.

    The centre of a character is learned as a peak of the objectness (CenterNet, Zhou et al. 2019,
    https://arxiv.org/abs/1904.07850). Class and box are learned near the peak.
    Characters that the border cuts off may be found or not.

    Attributes:
        stride: side of a cell, in pixels.
        min_heat: height of the peak, of 1, from which on class and box are learned.
        min_objectness: probability from which on a peak counts as a detection.
        class_weight: weight of the class's error.
        box_weight: weight of the box's error.
        letter_weight: weight of a letter; a page of text has many.
    """

    stride = 4
    min_heat = 0.3
    min_objectness = 0.4
    class_weight, box_weight, letter_weight = 1.0, 1.0, 0.4

    def forward(
        self, outputs: Float[Tensor, "n channels h w"], targets: Float[Tensor, "n k 5"]
    ) -> Float[Tensor, ""]:
        """Return the mean over the characters.

        Args:
            outputs: maps of the detector.
            targets: label, then centre x, centre y, width and height in pixels; see
                `numeye.training.tasks.tile_samples`.
        """
        labels, is_readable = targets[..., 0].long(), self._is_readable(targets)
        heat, owner = self._owned(outputs, targets, self._peaks(outputs, targets))
        centres = self._centres(outputs, targets)
        count = is_readable.sum().clamp(min=1)
        objectness_loss = self._objectness_loss(outputs, targets, heat, centres) / count
        weight = self._shares(
            torch.where(centres, 1.0, heat * (heat > self.min_heat)), owner, targets
        )
        # (N, H, W)
        owned = torch.gather(labels.clamp(min=0), 1, owner.flatten(1)).view_as(owner)
        weight = torch.where(owned == LETTER, self.letter_weight, 1.0) * weight
        class_loss = functional.cross_entropy(
            outputs[:, CLASSES], owned.clamp(max=NO_CHARACTER - 1), reduction="none"
        )
        boxes = self._boxes(outputs, targets, owner)
        box_loss = functional.smooth_l1_loss(
            outputs[:, CLASSES.stop :], boxes, reduction="none", beta=0.1
        ).sum(dim=1)
        cell_loss = weight * (self.class_weight * class_loss + self.box_weight * box_loss)
        loss: Tensor = objectness_loss + cell_loss.sum() / count
        return loss

    def correct(
        self, outputs: Float[Tensor, "n channels h w"], targets: Float[Tensor, "n k 5"]
    ) -> Bool[Tensor, " n"]:
        """Return whether all characters of a tile are found and read, and nothing else is found.

        Letters are left out: they may be found or not.
        """
        is_letter = targets[..., :1] == LETTER
        targets = torch.where(is_letter, _with_label(targets, NO_CHARACTER), targets)
        objectness = outputs[:, :1].sigmoid()
        is_peak = objectness == functional.max_pool2d(objectness, 3, 1, 1)
        is_peak = (is_peak & (objectness > self.min_objectness))[:, 0]
        peaks = is_peak & (~self._ignored(outputs, targets) | self._centres(outputs, targets))
        characters = torch.where(peaks, outputs[:, CLASSES].argmax(dim=1), -1)  # (N, H, W)
        rows, columns = self._cells(outputs, targets)
        padded = functional.pad(characters.float(), (1, 1, 1, 1), value=-1)
        labels, number = targets[..., 0], torch.arange(len(targets), device=targets.device)[:, None]
        is_read = torch.zeros_like(labels, dtype=torch.bool)
        for down in range(3):  # the cell of the centre and its eight neighbours
            for across in range(3):
                is_read |= padded[number, rows + down, columns + across] == labels
        is_readable = self._is_readable(targets)
        all_read = (is_read | ~is_readable).all(dim=1)
        return all_read & (peaks.sum(dim=(1, 2)) == is_readable.sum(dim=1))

    def _objectness_loss(
        self, outputs: Tensor, targets: Tensor, heat: Tensor, centres: Tensor
    ) -> Tensor:
        """Return the focal loss of the objectness, summed over the cells that count."""
        counted = ~self._ignored(outputs, targets)
        log_yes = functional.logsigmoid(outputs[:, 0])
        log_no = functional.logsigmoid(-outputs[:, 0])
        probability = outputs[:, 0].sigmoid()
        hit = -(log_yes * (1 - probability) ** 2 * centres).sum()
        miss = -(log_no * probability**2 * (1 - heat) ** 4 * ~centres * counted).sum()
        return hit + miss

    def _is_readable(self, targets: Tensor) -> Tensor:
        return (targets[..., 0] >= 0) & (targets[..., 0] < NO_CHARACTER)

    def _cells(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return row and column of the cell that holds each centre."""
        height, width = outputs.shape[2:]
        cells = (targets[..., 1:3] / self.stride).long()
        return cells[..., 1].clamp(0, height - 1), cells[..., 0].clamp(0, width - 1)

    def _grid(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return x (1, 1, 1, W) and y (1, 1, H, 1) of the centres of the cells, in pixels."""
        height, width = outputs.shape[2:]
        x = (torch.arange(width, device=outputs.device) + 0.5) * self.stride
        y = (torch.arange(height, device=outputs.device) + 0.5) * self.stride
        return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)

    def _peaks(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return a bell curve (N, K, H, W) over each character, a sixth of its box wide."""
        x, y = self._grid(outputs)
        # (N, K, 1, 1)
        centre_x, centre_y, width, height = (targets[..., i, None, None] for i in range(1, 5))
        wide, high = (width / 6).clamp(min=1.5), (height / 6).clamp(min=1.5)
        bell = torch.exp(-(((x - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2) / 2)
        return bell * self._is_readable(targets)[..., None, None]

    def _owned(self, outputs: Tensor, targets: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
        """Return the highest bell over each cell and whose it is, both (N, H, W).

        A character has priority in the cell of its centre.
        """
        heat, owner = peaks.max(dim=1)
        rows, columns = self._cells(outputs, targets)
        picture, place = self._is_readable(targets).nonzero(as_tuple=True)
        owner[picture, rows[picture, place], columns[picture, place]] = place
        return heat, owner

    def _shares(self, weight: Tensor, owner: Tensor, targets: Tensor) -> Tensor:
        """Return weights of cells (N, H, W) that sum to 1 for each character, small or large."""
        sums = torch.zeros(targets.shape[:2], device=weight.device)  # (N, K)
        sums.scatter_add_(1, owner.flatten(1), weight.flatten(1))
        return weight / torch.gather(sums, 1, owner.flatten(1)).view_as(weight).clamp(min=1e-6)

    def _centres(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return which cells (N, H, W) hold the centre of a character."""
        centres = torch.zeros_like(outputs[:, 0], dtype=torch.bool)
        rows, columns = self._cells(outputs, targets)
        picture, place = self._is_readable(targets).nonzero(as_tuple=True)
        centres[picture, rows[picture, place], columns[picture, place]] = True
        return centres

    def _ignored(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return which cells (N, H, W) lie in the boxes of characters that may be found or not."""
        x, y = self._grid(outputs)
        centre_x, centre_y, width, height = (targets[..., i, None, None] for i in range(1, 5))
        inside = ((x - centre_x).abs() <= width / 2 + 2) & ((y - centre_y).abs() <= height / 2 + 2)
        return (inside & (targets[..., 0] == NO_CHARACTER)[..., None, None]).any(dim=1)

    def _boxes(self, outputs: Tensor, targets: Tensor, owner: Tensor) -> Tensor:
        """Return the encoded box (N, 4, H, W) of each cell's character.

        It is the way from the cell to the centre, and the logarithms of the sides.
        """
        x, y = self._grid(outputs)
        values = [
            torch.gather(targets[..., i], 1, owner.flatten(1)).view_as(owner) for i in range(1, 5)
        ]
        sides = [(side.clamp(min=1) / 16).log() for side in values[2:]]
        return torch.stack([(values[0] - x[0]) / 8, (values[1] - y[0]) / 8, *sides], dim=1)


class TranscriptionLoss(nn.Module):
    """CTC of the columns' logits and a number's characters (Graves et al. 2006).

    It sums over all ways to spread the characters over the columns, with blanks between them
    (https://doi.org/10.1145/1143844.1143891).
    """

    blank = NO_CHARACTER

    def forward(
        self, outputs: Float[Tensor, "n columns classes"], targets: Int64[Tensor, "n k"]
    ) -> Float[Tensor, ""]:
        """Return the mean over a batch, for each character.

        Args:
            outputs: logits; the last class is the blank.
            targets: places in `CHARACTERS`, then -1 up to the end of the row.
        """
        logs = functional.log_softmax(outputs, dim=2).transpose(0, 1)  # (columns, N, classes)
        columns = torch.full((len(targets),), outputs.shape[1], dtype=torch.long)
        lengths = (targets >= 0).sum(dim=1)
        loss: Tensor = functional.ctc_loss(
            logs, targets.clamp(min=0), columns, lengths.cpu(), self.blank, zero_infinity=True
        )
        return loss

    def correct(
        self, outputs: Float[Tensor, "n columns classes"], targets: Int64[Tensor, "n k"]
    ) -> Bool[Tensor, " n"]:
        """Return whether the whole string of the best classes is right."""
        texts = self.best_paths(outputs)
        expected = [row[row >= 0].tolist() for row in targets.cpu()]
        return torch.tensor(
            [a == b for a, b in zip(texts, expected, strict=True)], dtype=torch.bool
        )

    def best_paths(self, outputs: Float[Tensor, "n columns classes"]) -> list[list[int]]:
        """Return the characters of the best class of each column, without blanks and repeats."""
        best = outputs.argmax(dim=2).cpu()  # (N, columns)
        rows = [torch.unique_consecutive(row) for row in best]
        return [row[row != self.blank].tolist() for row in rows]


def _with_label(targets: Tensor, label: int) -> Tensor:
    return torch.cat([torch.full_like(targets[..., :1], label), targets[..., 1:]], dim=-1)
