"""What a network saw in a picture: every layer, read from the graph itself, and which parts of the picture mattered.

The graph of any ONNX model is opened, the results of its layers are added to its outputs, and the picture goes through
it once more. Nothing is known beforehand of packaged models, so own ones are shown as well.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye import atomic, framing, image, weights, zoom
from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.eyes import Network
from numeye.image import Picture
from numeye.metrics import softmax
from numeye.sheet import Tile, contact_sheet, to_png, to_url
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

# Operations whose results are shown, and what people call them. A sum is where a residual block adds what came in.
LAYERS = {"Conv": "convolution", "Relu": "ReLU", "MaxPool": "pooling", "AveragePool": "pooling", "Gemm": "linear",
          "MatMul": "linear", "Add": "sum"}  # fmt: skip
SHOWN = 32  # units of a layer that are drawn, the strongest first
PATCH, STEP = 6, 2  # pixels a side of what is hidden, and from one place to the next


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one layer made of the picture.

    Attributes:
        name: kind and number, such as `convolution 2`.
        values: (units, height, width), or (units,).
    """

    name: str
    values: Float32[np.ndarray, "units ..."]

    @property
    def strength(self) -> Float64[np.ndarray, " units"]:
        """Of each unit, its strongest answer."""
        found: np.ndarray = self.values.reshape(len(self.values), -1).max(axis=1).astype(np.float64)
        return found

    @property
    def active(self) -> float:
        """Share of all its numbers above 0, in percent."""
        return float((self.values > 0).mean() * 100)

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.values.shape))
        strongest = int(self.strength.argmax())
        best = f"strongest unit {strongest} ({self.strength[strongest]:.2f})"
        return f"{self.name:<14} {shape:<14} {self.active:3.0f} % above 0, {best}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; without the numbers themselves."""
        best = int(self.strength.argmax())
        return {"layer": self.name, "shape": list(self.values.shape), "active": self.active, "strongest": best}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One digit, as a network saw it.

    Attributes:
        model: its name.
        pixels: (height, width) what it was fed with, 0 to 1.
        probabilities: of its answers; the eleventh, where there is one, is no digit.
        layers: in the order in which they work.
        hidden: (rows, columns) points by which the answer's probability falls when that part of `pixels` is hidden.
    """

    model: str
    pixels: Float32[np.ndarray, "height width"]
    probabilities: Float64[np.ndarray, " classes"]
    layers: tuple[Seen, ...]
    hidden: Float64[np.ndarray, "rows columns"]

    @property
    def answer(self) -> str:
        """The most probable one."""
        best = int(self.probabilities.argmax())
        return str(best) if best < 10 else "no digit"

    def __str__(self) -> str:
        head = f"{self.answer}   {self.probabilities.max() * 100:.1f}%   ({self.model})"
        row, column = np.unravel_index(int(self.hidden.argmax()), self.hidden.shape)
        most = f"costs most: {self.hidden.max():.0f} points"
        where = f"hiding the {PATCH}x{PATCH} pixels at {column * STEP},{row * STEP} {most}"
        return "\n".join([head, *map(str, self.layers), where])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "answer": self.answer,
            "probabilities": self.probabilities.tolist(),
            "layers": [layer.to_dict() for layer in self.layers],
            "hidden": self.hidden.tolist(),
        }

    def sheets(self) -> list[tuple[str, Image.Image]]:
        """A drawing of what was fed in, and one a layer, each with a sentence."""
        fed = Tile(picture=_grey(self.pixels, 0, 1), lines=("what it was fed with",))
        map_ = Tile(
            picture=_grey(self.hidden, 0, max(float(self.hidden.max()), 1e-9)), lines=("what must not be hidden",)
        )
        title = f"{self.answer}, {self.probabilities.max() * 100:.1f} %"
        first = contact_sheet(title, [fed, map_], side=160)
        said = f"{self.model} says {title}. Right: the brighter, the more the answer falls when that part is hidden."
        return [(said, first), *((str(layer), _sheet(layer)) for layer in self.layers)]

    def save(self, path: str | Path) -> Path:
        """Write it as a picture (.png) or a page in one file (.html).

        Raises:
            UsageError: the name ends otherwise.
            OutputError: it cannot be written.
        """
        target = check_name(path)
        if target.suffix.lower() == ".png":
            atomic.write_bytes(target, to_png(_stacked([sheet for _, sheet in self.sheets()])))
        else:
            atomic.write_text(target, _page(self))
        return target


def check_name(path: str | Path) -> Path:
    """A file that an explanation can be saved as.

    Raises:
        UsageError: its name ends in neither .png nor .html.
    """
    if Path(path).suffix.lower() not in (".png", ".html"):
        raise UsageError(f"--save {path}: expected a name that ends in .png or .html")
    return Path(path)


def explain(picture: Picture, model: str | Path | None = None) -> Explanation:
    """Read one digit, and show what each layer saw.

    Args:
        picture: see `numeye.read`.
        model: a packaged model's name, a run folder or an ONNX file that reads one digit; the default where left out.

    Raises:
        PictureError: it cannot be read, or nothing is on it.
        UsageError: there is no such model, or it finds digits on pages.
        ModelError: its file is damaged, or it is a network of another shape.
        MissingExtra: the extra [explain] is not installed.
    """
    chosen = weights.load(model)
    network = Network(chosen, 0)
    inspected = _inspected(chosen)
    pixels = _fed(image.only_page(picture).grey, network, chosen)

    def probabilities(batch: Float32[np.ndarray, "n height width"]) -> Float64[np.ndarray, "n classes"]:
        return softmax(network(batch)[0].astype(np.float64) / chosen.temperature)

    said = probabilities(pixels[None])[0]
    return Explanation(
        model=chosen.name,
        pixels=pixels,
        probabilities=said,
        layers=_layers(inspected, pixels),
        hidden=_hidden(pixels, int(said.argmax()), said.max(), probabilities),
    )


def _fed(grey: np.ndarray, network: Network, model: Model) -> Float32[np.ndarray, "height width"]:
    """What the network receives: the digit in MNIST's frame, or the look that the answer is made from."""
    kind = model.framing or network.framing
    if kind == "pages":
        raise UsageError(
            f"{model.name}: finds digits on pages; expected a model that reads one, such as reader or classic"
        )
    if kind == "mnist":
        found = framing.frame(grey)
        if found.rejected is not None:
            raise PictureError(f"no digit found ({found.rejected}), so there is nothing to explain")
        return found.pixels

    sight = zoom.see([grey], network.look)[0]
    if sight is None:
        raise PictureError("no digit found (blank), so there is nothing to explain")
    return sight.look.pixels


def _inspected(model: Model) -> tuple[bytes, dict[str, str]]:
    """The model's graph with the results of its layers among its outputs; which those are, and of which kind."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("explaining", "explain") from error
    graph = onnx.load_model_from_string(model.onnx)
    constants = {one.name for one in graph.graph.initializer}
    kinds = {
        node.output[0]: LAYERS[node.op_type]
        for node in graph.graph.node
        if node.op_type in LAYERS and not (node.op_type == "Add" and constants.intersection(node.input))  # a bias
    }
    if not kinds:
        raise UsageError(f"{model.name}: none of {', '.join(LAYERS)} is in its graph; nothing of it can be shown")
    for name in kinds.keys() - {output.name for output in graph.graph.output}:
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return graph.SerializeToString(), kinds


def _layers(inspected: tuple[bytes, dict[str, str]], pixels: Float32[np.ndarray, "height width"]) -> tuple[Seen, ...]:
    import onnxruntime

    content, kinds = inspected
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: pixels[None, None]}
    counted: Counter[str] = Counter()
    found = []
    for kind, values in zip(kinds.values(), session.run(list(kinds), given), strict=True):
        # What has other shapes is no layer, but a number on the way to one.
        if values.ndim in (2, 4) and len(values) and values[0].size > 1:
            counted[kind] += 1
            found.append(Seen(name=f"{kind} {counted[kind]}", values=values[0]))
    return tuple(found)


def _hidden(
    pixels: Float32[np.ndarray, "height width"], answer: int, sure: float, probabilities: Any
) -> Float64[np.ndarray, "rows columns"]:
    """Zeiler and Fergus 2014 (https://arxiv.org/abs/1311.2901): a patch of paper over each part in turn."""
    height, width = pixels.shape
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    rows, columns = range(0, height - PATCH + 1, STEP), range(0, width - PATCH + 1, STEP)
    covered = np.repeat(pixels[None], len(rows) * len(columns), axis=0)
    for number, (top, left) in enumerate((top, left) for top in rows for left in columns):
        covered[number, top : top + PATCH, left : left + PATCH] = np.median(border)
    fallen: np.ndarray = (sure - probabilities(covered)[:, answer]) * 100
    return fallen.reshape(len(rows), len(columns)).clip(min=0)


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
    for text, sheet in explanation.sheets():
        said = html.escape(text)
        figures.append(f'<figure><img src="{to_url(sheet)}" alt="{said}"><figcaption>{said}</figcaption></figure>')
    title = html.escape(f"What {explanation.model} saw: {explanation.answer}")
    return PAGE.format(title=title, figures="\n".join(figures))
