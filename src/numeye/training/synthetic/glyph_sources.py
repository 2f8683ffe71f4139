"""Where the digits of a line come from: a font, MNIST, strokes in regional forms, or a pen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from numeye.io.pendigits import Trajectory
from numeye.training.synthetic import strokes
from numeye.training.synthetic.distance_fields import DistanceFields, GlyphField

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64

# Standard deviation by which the strokes of one digit are moved, in its longer side.
STROKE_SHIFT = 0.012


@dataclass(frozen=True)
class FontSource:
    """Digits of one printed font.

    Attributes:
        fields: fields of the digits of all printed fonts.
        numbers: indices of this font's digits in them.
    """

    fields: DistanceFields
    numbers: Int64[np.ndarray, " n"]
    uses_skeletons: ClassVar[bool] = False

    def sample_field(self, rng: np.random.Generator, digit: int | None = None) -> GlyphField:
        """Return the field of `digit`, or of any digit where that is None."""
        candidates = self.numbers
        if digit is not None:
            candidates = self.numbers[self.fields.labels[self.numbers] == digit]
        number = int(rng.choice(candidates if len(candidates) else self.numbers))
        return self.fields.get(number, use_skeleton=False)


@dataclass(frozen=True)
class HandwritingSource:
    """Handwritten digits, some of them drawn as strokes in regional forms.

    Attributes:
        fields: fields of the digits.
        uses_skeletons: whether strokes follow their skeletons, where these are known.
        stroke_share: share of the regional forms.
    """

    fields: DistanceFields
    uses_skeletons: bool
    stroke_share: float

    def sample_field(self, rng: np.random.Generator, digit: int | None = None) -> GlyphField:
        """Return the field of `digit`, or of any digit where that is None."""
        if rng.random() < self.stroke_share:
            label = int(rng.integers(10)) if digit is None else digit
            return GlyphField(strokes.draw_digit(label, rng), label, True)
        number = int(rng.integers(len(self.fields.labels)))
        while digit is not None and self.fields.labels[number] != digit:
            number = int(rng.integers(len(self.fields.labels)))
        return self.fields.get(number, use_skeleton=self.uses_skeletons)


@dataclass(frozen=True)
class PenSource:
    """Digits that one person wrote with a pen on a tablet.

    Attributes:
        trajectories: how the pen moved for each digit.
    """

    trajectories: Sequence[Trajectory]
    uses_skeletons: ClassVar[bool] = True

    def sample_field(self, rng: np.random.Generator, digit: int | None = None) -> GlyphField:
        """Return the field of `digit`, or of any digit where that is None or was never written."""
        chosen = [place for place in self.trajectories if digit in (None, place.digit)]
        candidates = chosen or self.trajectories
        trajectory = candidates[int(rng.integers(len(candidates)))]
        return GlyphField(draw_trajectory(trajectory, rng), trajectory.digit, True)


def group_by_writer(trajectories: Iterable[Trajectory]) -> list[PenSource]:
    """Return a source for each writer, in the order of their numbers."""
    writers = dict[int, list[Trajectory]]()
    for trajectory in trajectories:
        writers.setdefault(trajectory.writer, []).append(trajectory)
    return [PenSource(tuple(writers[number])) for number in sorted(writers)]


def draw_trajectory(
    trajectory: Trajectory, rng: np.random.Generator
) -> Float32[np.ndarray, "56 56"]:
    """Return the distance field of a trajectory, its strokes moved a little against each other."""
    points = np.concatenate(trajectory.strokes)
    size = float(np.ptp(points, axis=0).max())
    shifts = rng.normal(0, STROKE_SHIFT * size, (len(trajectory.strokes), 2))
    lines = [  # the last point twice, since a line of one point is not drawn
        np.concatenate([stroke, stroke[-1:]]).astype(np.float64) + shift
        for stroke, shift in zip(trajectory.strokes, shifts, strict=True)
    ]
    return strokes.draw_lines(lines)


DigitSource = FontSource | HandwritingSource | PenSource
