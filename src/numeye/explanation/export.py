"""Export of an explanation as a picture or as a page in one file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from numeye.errors import UsageError
from numeye.explanation.explainer import Explanation, LayerActivations
from numeye.io import files
from numeye.io.contact_sheet import Tile, contact_sheet, png_bytes, png_data_url

if TYPE_CHECKING:
    from jaxtyping import UInt8

MAX_UNITS = 32  # drawn of each layer


def check_name(path: str | Path) -> Path:
    """Return a path as it is if an explanation can be saved there.

    Raises:
        UsageError: its name ends in neither .png nor .html.
    """
    if Path(path).suffix.lower() not in (".png", ".html"):
        raise UsageError(f"--save {path}: expected a name that ends in .png or .html")
    return Path(path)


def save(explanation: Explanation, path: str | Path) -> Path:
    """Write an explanation as a picture (.png) or as a page in one file (.html).

    Raises:
        UsageError: the name ends in neither.
        OutputError: it cannot be written.
    """
    target = check_name(path)
    if target.suffix.lower() == ".png":
        files.write_bytes(
            target, png_bytes(_stack([sheet for _, sheet in draw_sheets(explanation)]))
        )
    else:
        files.write_text(target, _page(explanation))
    return target


def draw_sheets(explanation: Explanation) -> list[tuple[str, Image.Image]]:
    """Draw the input, and each layer, with a sentence about each."""
    tiles = [Tile(picture=_to_grey(explanation.pixels, 0, 1), lines=("input",))]
    title = f"{explanation.answer}, {explanation.confidence * 100:.1f} %"
    sentences = [f"{explanation.model} says {title}."]
    for values, name, meaning in (
        (explanation.occlusion_map, "occlusion map", "the answer falls when that part is hidden"),
        (explanation.ablation_cam, "Ablation-CAM", "the last maps support the answer there"),
    ):
        if values is not None:
            picture = _to_grey(values, 0, max(float(values.max()), 1e-9))
            tiles.append(Tile(picture=picture, lines=(name,)))
            sentences.append(f"{name[0].upper()}{name[1:]}: the brighter, the more {meaning}.")
    first = contact_sheet(title, tiles, side=160)
    layers = [(str(layer), _draw_layer(layer)) for layer in explanation.layers]
    return [(" ".join(sentences), first), *layers]


def _draw_layer(layer: LayerActivations) -> Image.Image:
    """Draw the maps of a layer, highest activation first, all on one scale.

    The values of a layer without maps are drawn as one square.
    """
    high = max(float(np.abs(layer.values).max()), 1e-9)
    low = -high if layer.values.min() < 0 else 0.0
    if layer.values.ndim == 1:
        side = int(np.ceil(np.sqrt(len(layer.values))))
        square = np.pad(layer.values, (0, side * side - len(layer.values))).reshape(side, side)
        lines = (f"{len(layer.values)} numbers", f"to {layer.values.max():.2f}")
        tile = Tile(picture=_to_grey(square, low, high), lines=lines)
        return contact_sheet(layer.name, [tile], side=120)
    order = np.argsort(-layer.peaks, kind="stable")[:MAX_UNITS]
    tiles = [
        Tile(
            picture=_to_grey(layer.values[unit], low, high),
            lines=(f"unit {unit}", f"to {layer.peaks[unit]:.2f}"),
        )
        for unit in order.tolist()
    ]
    return contact_sheet(f"{layer.name}: {len(order)} of {len(layer.values)} units", tiles, side=84)


def _to_grey(values: np.ndarray, low: float, high: float) -> UInt8[np.ndarray, "_ _"]:
    shares = np.clip((values - low) / (high - low), 0, 1)
    grey: np.ndarray = np.rint(shares * 255).astype(np.uint8)
    return grey


def _stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures one below the other."""
    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    stacked = Image.new("RGB", size, "white")
    top = 0
    for picture in pictures:
        stacked.paste(picture, (0, top))
        top += picture.height
    return stacked


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">\
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Numeye</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; \
padding: 0 1rem; }}
body {{ color: #1b1b1b; background: #fff; }} \
img {{ max-width: 100%; }} figure {{ margin: 1.5rem 0; }}
figcaption {{ color: #595959; font-variant-numeric: tabular-nums; }}
</style>
<h1>{title}</h1>
{figures}
</html>
"""


def _page(explanation: Explanation) -> str:
    figures = []
    for text, sheet in draw_sheets(explanation):
        caption = html.escape(text)
        figures.append(
            f'<figure><img src="{png_data_url(sheet)}"'
            f' alt="{caption}"><figcaption>{caption}</figcaption></figure>'
        )
    title = html.escape(f"What {explanation.model} saw: {explanation.answer}")
    return PAGE.format(title=title, figures="\n".join(figures))
