"""What may be characters on a page, with the scores of both networks combined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.character_kinds import CharacterKinds

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

    ClassLogs = Float64[np.ndarray, "n 29"]

MIN_LIKELY = 0.5  # probability from which on a candidate is taken for a character
MIN_POSSIBLE = 0.05  # and from which on it may be one, if the constraints ask for it


@dataclass(frozen=True, eq=False)
class Candidates:
    """Detections with the probabilities that the fusion of both networks gives.

    Attributes:
        boxes: left, top, right and bottom in pixels of the picture.
        objectness: probabilities that there is a character.
        class_probabilities: of the 28 `CHARACTERS`, given that there is one; each row sums to 1.
        shape: height and width of the picture.
        discarded: those that `select` left out; None before it.
    """

    boxes: Float64[np.ndarray, "n 4"]
    objectness: Float64[np.ndarray, " n"]
    class_probabilities: Float64[np.ndarray, "n 28"]
    shape: tuple[int, ...]
    discarded: Candidates | None = None

    def select(self, mask: Bool[np.ndarray, " n"]) -> Candidates:
        """Return the candidates where the mask is True; the others become `discarded`."""
        kept, discarded = (
            Candidates(
                self.boxes[part], self.objectness[part], self.class_probabilities[part], self.shape
            )
            for part in (mask, ~mask)
        )
        return replace(kept, discarded=discarded)

    @property
    def is_likely(self) -> Bool[np.ndarray, " n"]:
        """True for each candidate that is more likely a character than not."""
        is_likely: np.ndarray = self.objectness >= MIN_LIKELY
        return is_likely

    @property
    def kinds(self) -> CharacterKinds:
        """Which candidates are digits, letters and small signs, by their best answers."""
        return CharacterKinds.of(self.class_probabilities.argmax(axis=1))

    def class_logs(self) -> ClassLogs:
        """Return the log probabilities of `CHARACTERS` and of "no character"."""
        objectness = np.clip(self.objectness, 1e-12, 1 - 1e-12)[:, None]
        all_classes = np.append(self.class_probabilities * objectness, 1 - objectness, axis=1)
        logs: np.ndarray = np.log(all_classes + 1e-300)
        return logs

    def none_missed_probability(self, places: Sequence[int]) -> float:
        """Return the probability that a number has no other character.

        Discarded candidates between its characters, or at most a digit's height beside them, might
        be one.

        Args:
            places: the indices of the number's characters.
        """
        if self.discarded is None or not len(self.discarded.boxes):
            return 1.0
        left, top = self.boxes[list(places), :2].min(axis=0)
        right, bottom = self.boxes[list(places), 2:].max(axis=0)
        boxes, height = self.discarded.boxes, bottom - top
        centre_y = (boxes[:, 1] + boxes[:, 3]) / 2
        is_near = (
            (boxes[:, 2] > left - height)
            & (boxes[:, 0] < right + height)
            & (centre_y > top)
            & (centre_y < bottom)
        )
        return float(np.prod(1 - self.discarded.objectness[is_near]))
