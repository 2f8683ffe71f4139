"""A study as one self-contained HTML file, its figures as SVG, and its numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import numeye
from numeye import atomic
from numeye.training.evidence.document import Figure, Section
from numeye.training.evidence.sections import comparison, failures, hierarchy, parts, space
from numeye.training.evidence.study import Step, Study

FILE, NUMBERS, FIGURES = "index.html", "numbers.json", "figures"
SECTIONS = (comparison, space, parts, hierarchy, failures)
TEMPLATES = Path(numeye.__file__).parent / "assets"


def write(study: Study, steps: Sequence[Step]) -> Path:
    """Write the report of a study whose steps are all done.

    Raises:
        RunError: one is not.
        OutputError: it cannot be written.
    """
    sections = [one.section(study) for one in SECTIONS]
    for section in sections:
        for part in section.parts:
            if isinstance(part, Figure):
                atomic.write_text(study.folder / FIGURES / f"{part.name}.svg", part.svg)
    atomic.write_text(study.folder / NUMBERS, numbers(study, sections))
    target = study.folder / FILE
    atomic.write_text(target, render(study, steps, sections))
    return target


def numbers(study: Study, sections: list[Section]) -> str:
    """All that the report shows, as JSON; of the same seeds on the same machine the same but for times."""
    found = {section.title: section.numbers for section in sections}
    verdicts = [
        {"claim": one.claim, "verdict": one.verdict, "text": one.text}
        for section in sections
        for one in section.findings
    ]
    return json.dumps({"asked": study.asked, "findings": verdicts, **found}, indent=1) + "\n"


def render(study: Study, steps: Sequence[Step], sections: list[Section]) -> str:
    """The report's HTML."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("evidence.html.j2").render(
        study=study,
        scale=study.scale,
        sections=sections,
        made=study.asked["made"],
        hours=sum(study.facts_of(steps, "seconds")) / 3600,
        sources=sorted({_short(made) for made in study.facts_of(steps, "source")}),
        svg=Markup,
        is_figure=lambda part: isinstance(part, Figure),
    )


def _short(made: dict[str, Any]) -> str:
    """A source's version and commit, or its digest where it is in none."""
    return f"{made['version']} {made['commit'] or made['sha256'][:16]}"
