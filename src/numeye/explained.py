"""An explanation to look at: as a picture, or as a page in one file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from numeye import atomic
from numeye.errors import UsageError
from numeye.explain import Explanation, Seen
from numeye.sheet import Tile, contact_sheet, to_png, to_url

SHOWN = 32  # units of a layer that are drawn, the strongest first


def check_name(path: str | Path) -> Path:
    """A file that an explanation can be saved as.

    Raises:
        UsageError: its name ends in neither .png nor .html.
    """
    if Path(path).suffix.lower() not in (".png", ".html"):
        raise UsageError(f"--save {path}: expected a name that ends in .png or .html")
    return Path(path)


def save(explanation: Explanation, path: str | Path) -> Path:
    """Write it as a picture (.png) or a page in one file (.html).

    Raises:
        UsageError: the name ends otherwise.
        OutputError: it cannot be written.
    """
    target = check_name(path)
    if target.suffix.lower() == ".png":
        atomic.write_bytes(target, to_png(_stacked([sheet for _, sheet in sheets(explanation)])))
    else:
        atomic.write_text(target, _page(explanation))
    return target


def sheets(explanation: Explanation) -> list[tuple[str, Image.Image]]:
    """A drawing of what was fed in, and one a layer, each with a sentence."""
    tiles = [Tile(picture=_grey(explanation.pixels, 0, 1), lines=("what it was fed with",))]
    title = f"{explanation.answer}, {explanation.probabilities.max() * 100:.1f} %"
    said = [f"{explanation.model} says {title}."]
    for values, line, sentence in (
        (explanation.hidden, "must not be hidden", "the answer falls when that part is hidden"),
        (explanation.activation, "speaks for it", "the last maps saw there what speaks for the answer"),
    ):
        if values is not None:
            tiles.append(Tile(picture=_grey(values, 0, max(float(values.max()), 1e-9)), lines=(line,)))
            said.append(f"{line.capitalize()}: the brighter, the more {sentence}.")
    first = contact_sheet(title, tiles, side=160)
    return [(" ".join(said), first), *((str(layer), _sheet(layer)) for layer in explanation.layers)]


def _sheet(layer: Seen) -> Image.Image:
    """Its units, the strongest first, all on one scale; of a layer without places, a square of numbers."""
    high = max(float(np.abs(layer.values).max()), 1e-9)
    low = -high if layer.values.min() < 0 else 0.0
    if layer.values.ndim == 1:
        side = int(np.ceil(np.sqrt(len(layer.values))))
        square = np.pad(layer.values, (0, side * side - len(layer.values))).reshape(side, side)
        lines = (f"{len(layer.values)} numbers", f"to {layer.values.max():.2f}")
        return contact_sheet(layer.name, [Tile(picture=_grey(square, low, high), lines=lines)], side=120)
    order = np.argsort(-layer.strength, kind="stable")[:SHOWN]
    tiles = [
        Tile(picture=_grey(layer.values[unit], low, high), lines=(f"unit {unit}", f"to {layer.strength[unit]:.2f}"))
        for unit in order.tolist()
    ]
    return contact_sheet(f"{layer.name}: {len(order)} of {len(layer.values)} units", tiles, side=84)


def _grey(values: np.ndarray, low: float, high: float) -> np.ndarray:
    levels: np.ndarray = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return levels


def _stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (max(one.width for one in sheets), sum(one.height for one in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Numeye</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
body {{ color: #1b1b1b; background: #fff; }} img {{ max-width: 100%; }} figure {{ margin: 1.5rem 0; }}
figcaption {{ color: #595959; font-variant-numeric: tabular-nums; }}
</style>
<h1>{title}</h1>
{figures}
</html>
"""


def _page(explanation: Explanation) -> str:
    figures = []
    for text, sheet in sheets(explanation):
        said = html.escape(text)
        figures.append(f'<figure><img src="{to_url(sheet)}" alt="{said}"><figcaption>{said}</figcaption></figure>')
    title = html.escape(f"What {explanation.model} saw: {explanation.answer}")
    return PAGE.format(title=title, figures="\n".join(figures))
