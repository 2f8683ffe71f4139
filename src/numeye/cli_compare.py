"""`numeye compare`: the evidence for what the project claims."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli_options import STOPPED, Cache, Json, answer, option, say


def compare(
    quick: Annotated[
        bool, typer.Option("--quick", help="The short form: it shows that all runs, its figures say little.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first of the seeds.")] = 0,
    wild: Annotated[Path | None, option("--wild", "Ask every model of each data set in a folder, too.", "DIR")] = None,
    fashion: Annotated[
        Path | None, option("--fashion", "Fashion-MNIST's pictures (IDX); Debian's if left out and there.", "FILE")
    ] = None,
    folder: Annotated[
        Path | None, option("--run", "Where it is kept; runs/evidence or runs/evidence-quick if left out.", "DIR")
    ] = None,
    json: Json = False,
    cache: Cache = None,
) -> None:
    """Test the claims: CNN against traditional models, why, what it learns, where it fails.

    Writes a report (index.html), its figures as SVG and its numbers as JSON, and prints what was found.
    Killed or stopped by Ctrl-C (status 130), the same command goes on where it was.
    """
    import numeye

    start = numeye.compare  # names the missing extra, where it is not installed
    from numeye.training.evidence.report import NUMBERS
    from numeye.training.loop import Stopped

    try:
        report = start(folder, quick=quick, seed=seed, wild=wild, fashion=fashion, cache=cache, say=say)
    except (KeyboardInterrupt, Stopped) as stopped:
        say("Stopped; the same command goes on where it was")
        raise typer.Exit(STOPPED) from stopped
    for finding in json_module.loads((report.parent / NUMBERS).read_text(encoding="utf-8"))["findings"]:
        line = f"{finding['verdict']:<12}  {finding['claim']}. {finding['text']}"
        answer(json_module.dumps(finding) if json else line)
    say(f"report: {report}")
