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

    A digit of a few pixels counts for the box alone: it is to be found, and read in a closer look.
    """

    legible = 0.2  # of the view, the longer side of the digit
    box_weight = 4.0

    def forward(self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]) -> Float[Tensor, ""]:
        """The mean over a batch."""
        labels = targets[:, 0].long()
        there = labels < NO_DIGIT
        legible = ~there | (targets[:, 3:].amax(dim=1) >= self.legible)
        each = functional.cross_entropy(outputs[:, :11], labels, reduction="none")
        read = (each * legible).sum() / len(targets)
        found = functional.smooth_l1_loss(outputs[there, 11:], targets[there, 1:], beta=0.05, reduction="sum")
        loss: Tensor = read + self.box_weight * found / len(targets)
        return loss

    def right(self, outputs: Float[Tensor, "n 15"], targets: Float[Tensor, "n 5"]) -> Bool[Tensor, " n"]:
        """Whether the best of the eleven answers is right."""
        return torch.eq(outputs[:, :11].argmax(dim=1), targets[:, 0].long())
