"""A run as one self-contained HTML file: curves, confusion, mistakes, filters, configuration.

Nothing in it is loaded from elsewhere: pictures and styles are inline, and there is no script.
"""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye import atomic
from numeye.config import list_recipes, load_recipe
from numeye.errors import MissingExtra
from numeye.evaluation import Evaluation
from numeye.runs import MODEL, Run
from numeye.sheet import Tile, contact_sheet, to_png, to_url

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE, MISTAKES_FILE = "report.html", "mistakes.png"
TRAIN_COLOUR, VALIDATION_COLOUR = "#0072b2", "#d55e00"  # Okabe and Ito: told apart by colour-blind people


def write(run: Run, evaluation: Evaluation | None, path: Path | None = None) -> Path:
    """Write the report of a run; what it was measured at is left out where `evaluation` is None.

    Args:
        run: with at least one epoch done.
        evaluation: on the test digits.
        path: of the report; `report.html` in the run folder where left out, with `mistakes.png` beside it.

    Raises:
        MissingExtra: the extra [train] is not installed.
        OutputError: it cannot be written.
    """
    target = path or run.folder / FILE
    mistakes = evaluation.mistakes() if evaluation is not None and evaluation.worst().size else None
    if mistakes is not None and path is None:
        atomic.write_bytes(run.folder / MISTAKES_FILE, to_png(mistakes))
    atomic.write_text(target, render(run, evaluation, mistakes))
    return target


def render(run: Run, evaluation: Evaluation | None, mistakes: Image.Image | None) -> str:
    """The report's HTML."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("the report", "train") from error
    loader = FileSystemLoader(Path(__file__).parent / "assets")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2").render(
        run=run,
        config=run.config,
        recipe=run.config.recipe,
        rows=run.metrics(),
        environments=run.environments(),
        evaluation=evaluation,
        per_digit=evaluation.per_digit() if evaluation else [],
        confusion=_shaded(evaluation) if evaluation else [],
        curves=_curves(run.metrics()),
        mistakes=to_url(mistakes) if mistakes else None,
        filters=to_url(filters) if (filters := _filters(run)) else None,
        command=repeat_command(run),
    )


def repeat_command(run: Run) -> str:
    """What a person types to make this run again."""
    config = run.config
    own = config.recipe.name not in list_recipes() or not config.recipe.trains_as(load_recipe(config.recipe.name))
    name = f"{config.recipe.name}.toml" if own else config.recipe.name
    words = ["numeye", "train", name, "--seed", str(config.seed), "--epochs", str(config.epochs)]
    words += ["--run", f"{run.folder}-again"]
    return shlex.join(words if config.data == "mnist" else [*words, "--data", config.data])


def _shaded(evaluation: Evaluation) -> list[list[tuple[int, float, bool]]]:
    """The confusion matrix: count, shade of 0 to 1 within its row, and whether it lies on the diagonal."""
    counts = evaluation.confusion
    columns = 11 if counts[:, 10].any() else 10
    totals = np.maximum(counts.sum(axis=1), 1)
    return [
        [
            (int(counts[row, column]), float(counts[row, column] / totals[row]), row == column)
            for column in range(columns)
        ]
        for row in range(10)
    ]


def _curves(rows: list[dict[str, Any]]) -> str:
    """Loss and accuracy over the epochs, as SVG."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the report", "train") from error
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2, gridspec_kw={"wspace": 0.1})
    _line(loss, epochs, [row["train_loss"] for row in rows], "training digits", TRAIN_COLOUR)
    _line(loss, epochs, [row["validation_loss"] for row in rows], "validation digits", VALIDATION_COLOUR)
    loss.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    loss.legend(frameon=False)
    _line(accuracy, epochs, [row["validation_accuracy"] for row in rows], "validation digits", VALIDATION_COLOUR)
    accuracy.set(xlabel="epoch", ylabel="right on validation digits (%)")
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "numeye", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def _line(axes: Axes, epochs: list[int], values: list[float], label: str, colour: str) -> None:
    axes.plot(epochs, values, label=label, color=colour, marker="o", markersize=3.5)


def _filters(run: Run) -> Image.Image | None:
    """The kernels of the first convolution: white pulls up, black pulls down, grey leaves as it is."""
    from safetensors.numpy import load

    weights = load((run.folder / MODEL).read_bytes())
    kernels = next((kernel for kernel in weights.values() if kernel.ndim == 4 and kernel.shape[1] == 1), None)
    if kernels is None:
        return None
    scale = float(np.abs(kernels).max()) or 1.0
    pictures = np.rint(127.5 + kernels[:, 0] / scale * 127.5).astype(np.uint8)
    tiles = [Tile(picture=picture, lines=(f"{number}",)) for number, picture in enumerate(pictures)]
    return contact_sheet(f"{len(tiles)} filters; white +{scale:.2f}, black -{scale:.2f}", tiles, side=60)
