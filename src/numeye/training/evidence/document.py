"""What a report is made of: sections of findings, tables and figures, and the words for numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from numeye import metrics

Verdict = Literal["shown", "not shown", "in part", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim, and what was found.

    Attributes:
        claim: as the project makes it.
        verdict: whether it was shown.
        text: what was found, in numbers.
    """

    claim: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing.

    Attributes:
        name: of its SVG file, without the ending.
        svg: the drawing.
        alt: what is to be seen, for those who do not see it.
        caption: what it means.
    """

    name: str
    svg: str
    alt: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells.

    Attributes:
        caption: what is in it, with n and kind of interval.
        head: of the columns.
        rows: as many cells each; the first names the row.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question.

    Attributes:
        title: for people.
        question: that is asked.
        method: how it was answered.
        findings: the answers.
        parts: tables and figures, in order.
        numbers: all that tables and figures show, for JSON.
    """

    title: str
    question: str
    method: str
    findings: list[Finding]
    parts: list[Table | Figure]
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval.

    Attributes:
        value: the number, in percent or whatever it is measured in.
        low, high: the interval; nan where there is none.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_seeds(cls, values: list[float]) -> Measure:
        """Mean of some trainings, Student's t."""
        mean, half = metrics.mean_interval(values)
        return cls(mean, mean - half, mean + half)

    @classmethod
    def of_digits(cls, right: np.ndarray) -> Measure:
        """Right answers of one model that cannot come out otherwise, in percent, by bootstrap over digits."""
        return cls(float(right.mean() * 100), *metrics.bootstrap_interval(right))

    @classmethod
    def of_share(cls, right: np.ndarray) -> Measure:
        """Right answers in percent with Wilson's interval, which is sound where all or none are right."""
        return cls(float(right.mean() * 100), *metrics.wilson_interval(int(right.sum()), len(right)))

    @classmethod
    def of_values(cls, values: np.ndarray) -> Measure:
        """Mean of one value a digit, by bootstrap over digits."""
        chosen = np.random.default_rng(0).integers(0, len(values), (2_000, len(values)))
        low, high = np.percentile(values[chosen].mean(axis=1), (2.5, 97.5))
        return cls(float(values.mean()), float(low), float(high))

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.half:.2f}" if math.isfinite(self.low) else f"{self.value:.2f}"

    def to_json(self) -> dict[str, float | None]:
        """For the file of numbers."""
        bounds = {"low": self.low, "high": self.high}
        return {"value": self.value, **{name: v if math.isfinite(v) else None for name, v in bounds.items()}}


def verdict(held: int, asked: int) -> Verdict:
    """Of so many things that a claim asks for, so many hold."""
    return "shown" if held == asked else "in part" if held else "not shown"


def differences(one: list[float], other: list[float]) -> Measure:
    """By how much one is ahead of the other, paired by seed."""
    return Measure.of_seeds([a - b for a, b in zip(one, other, strict=True)])


def p_value(p: float) -> str:
    """In words of a paper."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
