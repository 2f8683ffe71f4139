"""What a report consists of: sections of findings, tables and figures, and texts for numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["shown", "not shown", "in part", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim, and what the study measured about it.

    Attributes:
        claim: the claim, in the project's words.
        verdict: whether the measurements support it.
        text: the measurements.
    """

    claim: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing.

    Attributes:
        name: of its SVG file, without the suffix.
        svg: the drawing.
        alt: what the drawing shows, for readers who cannot see it.
        caption: what it means.
    """

    name: str
    svg: str
    alt: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: what the cells hold, with n and the kind of interval.
        head: titles of the columns.
        rows: cells, as many in each row as there are titles; the first cell names the row.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the report, about one question.

    Attributes:
        title: the heading.
        question: the question that the section answers.
        method: how it was answered.
        findings: the answers.
        parts: tables and figures, in order.
        numbers: all numbers of the tables and figures, for JSON.
    """

    title: str
    question: str
    method: str
    findings: list[Finding]
    parts: list[Table | Figure]
    numbers: dict[str, Any] = field(default_factory=dict)


def verdict_of(supported: int, required: int) -> Verdict:
    """Return the verdict on a claim of which `supported` of `required` conditions hold."""
    return verdict_if(shown=supported == required, in_part=supported > 0)


def verdict_if(*, shown: bool, in_part: bool) -> Verdict:
    """Return the verdict on a claim, given whether it is shown and else whether it is in part."""
    return "shown" if shown else "in part" if in_part else "not shown"


def format_p_value(p: float) -> str:
    """Return a p value as papers print it."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def format_duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
