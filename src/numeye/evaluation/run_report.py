"""The report of a run as one HTML file: curves, confusion, mistakes, filters, configuration.

Pictures and styles are inline and there is no script, so nothing is loaded from elsewhere.
"""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye.errors import MissingExtra
from numeye.evaluation.digits import DigitsResult
from numeye.io import file_limits, files
from numeye.io.contact_sheet import Tile, contact_sheet, png_bytes, png_data_url
from numeye.models.recipe import list_recipes, load_recipe
from numeye.models.run_folder import MODEL, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILE, MISTAKES_FILE = "report.html", "mistakes.png"
# Okabe and Ito: colours that colour-blind people can distinguish
TRAIN_COLOUR, VALIDATION_COLOUR = "#0072b2", "#d55e00"


def write(run: Run, evaluation: DigitsResult | None, path: Path | None = None) -> Path:
    """Write the report of a run and return its file.

    Args:
        run: a run with at least one finished epoch.
        evaluation: its result on the test digits; the report has no such part if None.
        path: file of the report (default: `report.html` in the run folder, with `mistakes.png`
            beside it).

    Raises:
        MissingExtra: the extra [train] is not installed.
        OutputError: it cannot be written.
    """
    target = path or run.folder / FILE
    mistakes = (
        evaluation.draw_mistakes()
        if evaluation is not None and evaluation.mistake_indices().size
        else None
    )
    if mistakes is not None and path is None:
        files.write_bytes(run.folder / MISTAKES_FILE, png_bytes(mistakes))
    files.write_text(target, render(run, evaluation, mistakes))
    return target


def render(run: Run, evaluation: DigitsResult | None, mistakes: Image.Image | None) -> str:
    """Return the HTML of the report."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("the report", "train") from error
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("run_report.html.j2").render(
        run=run,
        config=run.config,
        recipe=run.config.recipe,
        rows=run.metrics(),
        environments=run.starts(),
        evaluation=evaluation,
        calibration=evaluation.to_dict() if evaluation else {},
        per_digit=evaluation.per_digit() if evaluation else [],
        confusion=_shaded(evaluation) if evaluation else [],
        curves=_curves(run.metrics()),
        mistakes=png_data_url(mistakes) if mistakes else None,
        filters=png_data_url(filters) if (filters := _filters(run)) else None,
        command=repeat_command(run),
    )


def repeat_command(run: Run) -> str:
    """Return the command that repeats this run in another folder."""
    config = run.config
    name = config.recipe.name
    if name not in list_recipes() or not config.recipe.trains_as(load_recipe(name)):
        name = f"{name}.toml"  # a recipe of the user's own
    words = ["numeye", "train", name, "--seed", str(config.seed), "--epochs", str(config.epochs)]
    words += ["--run", f"{run.folder}-again"]
    return shlex.join(words if config.data == "mnist" else [*words, "--data", config.data])


def _shaded(evaluation: DigitsResult) -> list[list[tuple[int, float, bool]]]:
    """Return the confusion matrix: count, share of its row (0 to 1), whether on the diagonal."""
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
    """Draw loss and accuracy over the epochs, as SVG."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the report", "train") from error
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2, gridspec_kw={"wspace": 0.1})
    _line(loss, epochs, [row["train_loss"] for row in rows], "training digits", TRAIN_COLOUR)
    _line(
        loss,
        epochs,
        [row["validation_loss"] for row in rows],
        "validation digits",
        VALIDATION_COLOUR,
    )
    loss.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    loss.legend(frameon=False)
    _line(
        accuracy,
        epochs,
        [row["validation_accuracy"] for row in rows],
        "validation digits",
        VALIDATION_COLOUR,
    )
    accuracy.set(xlabel="epoch", ylabel="right on validation digits (%)")
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    return _to_svg(figure)


def _to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element; the same figure gives the same text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "numeye", "font.family": "sans-serif"}
    ):
        figure.savefig(
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def _line(axes: Axes, epochs: list[int], values: list[float], label: str, colour: str) -> None:
    axes.plot(epochs, values, label=label, color=colour, marker="o", markersize=3.5)


def _filters(run: Run) -> Image.Image | None:
    """Draw the kernels of the first convolution: white positive, grey zero, black negative."""
    from safetensors.numpy import load

    weights = load(file_limits.read(run.folder / MODEL, file_limits.MAX_FILE_BYTES))
    kernels = next(
        (kernel for kernel in weights.values() if kernel.ndim == 4 and kernel.shape[1] == 1), None
    )
    if kernels is None:
        return None
    scale = float(np.abs(kernels).max()) or 1.0
    pictures = np.rint(127.5 + kernels[:, 0] / scale * 127.5).astype(np.uint8)
    tiles = [Tile(picture=picture, lines=(f"{number}",)) for number, picture in enumerate(pictures)]
    return contact_sheet(
        f"{len(tiles)} filters; white +{scale:.2f}, black -{scale:.2f}", tiles, side=60
    )
