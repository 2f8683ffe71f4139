"""`numeye compare`: the evidence for what the project claims."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli.options import (
    STOPPED,
    Cache,
    Json,
    option,
    print_message,
    print_result,
    use_matplotlib_cache,
)

Fashion = Annotated[
    Path | None,
    option(
        "--fashion",
        "IDX file of Fashion-MNIST's pictures (default: that of Debian's package, if installed).",
        "FILE",
    ),
]
StudyFolder = Annotated[
    Path | None,
    option("--run", "Folder for the study (default: runs/evidence or runs/evidence-quick).", "DIR"),
]


def compare(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Short form, to see that everything runs; its figures mean little."
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="First random seed.")] = 0,
    wild: Annotated[
        Path | None, option("--wild", "Also evaluate every model on each data set in DIR.", "DIR")
    ] = None,
    fashion: Fashion = None,
    folder: StudyFolder = None,
    json: Json = False,
    cache: Cache = None,
) -> None:
    """Compare the CNN with traditional models.

    Tests what the project claims: that the CNN reads better, why, what it learns, where it fails.

    Writes a report (index.html), its figures as SVG and its numbers as JSON, and prints the
    findings. If it is stopped by Ctrl-C (exit status 130) or killed, the same command continues.
    """
    import numeye
    from numeye.io import structured_files

    use_matplotlib_cache(cache)
    run_study = numeye.compare  # raises where the extra [evidence] is not installed
    from numeye.study.report import NUMBERS_FILE
    from numeye.training.interrupts import TrainingInterrupted

    try:
        report = run_study(
            folder,
            quick=quick,
            seed=seed,
            wild=wild,
            fashion=fashion,
            cache=cache,
            progress=print_message,
        )
    except (KeyboardInterrupt, TrainingInterrupted) as interruption:
        print_message("Stopped; run the same command again to continue")
        raise typer.Exit(STOPPED) from interruption
    numbers = structured_files.load_json(report.parent / NUMBERS_FILE, finite=False)
    for finding in numbers["findings"]:
        line = f"{finding['verdict']:<12}  {finding['claim']}. {finding['text']}"
        print_result(json_module.dumps(finding) if json else line)
    print_message(f"report: {report}")
