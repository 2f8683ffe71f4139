"""The report of a study: one self-contained HTML file, its figures as SVG, its numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from numeye.io import files
from numeye.study.report_elements import Figure, Section
from numeye.study.sections import ablations, comparison, failures, hierarchy, structure
from numeye.study.steps import Step, Study

REPORT_FILE, NUMBERS_FILE, FIGURES_FOLDER = "index.html", "numbers.json", "figures"
SECTIONS = (comparison, structure, ablations, hierarchy, failures)
TEMPLATES = Path(__file__).parent


def write(study: Study, steps: Sequence[Step]) -> Path:
    """Write the report of a study, and return its path.

    Args:
        study: whose results are reported.
        steps: all steps of the study; each must be finished.

    Raises:
        RunError: a step is not finished.
        OutputError: a file cannot be written.
    """
    sections = [module.section(study) for module in SECTIONS]
    for section in sections:
        for part in section.parts:
            if isinstance(part, Figure):
                files.write_text(study.folder / FIGURES_FOLDER / f"{part.name}.svg", part.svg)
    files.write_text(study.folder / NUMBERS_FILE, numbers_json(study, sections))
    target = study.folder / REPORT_FILE
    files.write_text(target, render(study, steps, sections))
    return target


def numbers_json(study: Study, sections: list[Section]) -> str:
    """Return all numbers of the report as JSON.

    The same seeds on the same machine give the same numbers, except for times.
    """
    findings = [
        {"claim": finding.claim, "verdict": finding.verdict, "text": finding.text}
        for section in sections
        for finding in section.findings
    ]
    numbers = {section.title: section.numbers for section in sections}
    return json.dumps({"asked": study.request, "findings": findings, **numbers}, indent=1) + "\n"


def render(study: Study, steps: Sequence[Step], sections: list[Section]) -> str:
    """Return the report as HTML."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        study=study,
        scale=study.scale,
        sections=sections,
        machine=study.request["made"],
        hours=sum(study.metadata_of(steps, "seconds")) / 3600,
        revisions=sorted({_short_revision(r) for r in study.metadata_of(steps, "source")}),
        svg=Markup,
        is_figure=lambda part: isinstance(part, Figure),
    )


def _short_revision(revision: dict[str, Any]) -> str:
    """Return a version and its commit, or its digest if the source is not in a repository."""
    return f"{revision['version']} {revision['commit'] or revision['sha256'][:16]}"
