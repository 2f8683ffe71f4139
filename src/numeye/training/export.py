"""A run's weights as others can use them: ONNX, safetensors and the card that travels with them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from numeye import atomic, source
from numeye.datasets import open_data
from numeye.errors import RunError
from numeye.evaluation import Evaluation
from numeye.metrics import fit_temperature
from numeye.runs import MODEL, Checkpoint, Run
from numeye.training import calibrate, calibrate_pages
from numeye.training.data import Loaders
from numeye.training.losses import Spot
from numeye.training.models import Reader, Spotter, count_parameters, create_model
from numeye.training.paper.pool import make_pages
from numeye.training.quantise import quantise
from numeye.training.tiles import TileViews
from numeye.training.views import Views
from numeye.training.windows import SIDE

PARITY = 1e-4  # the largest difference between torch and ONNX Runtime, of the largest output, or of 1
LOST = 1.0  # percent of the validation tiles that may be read right no more in whole numbers
OPSET = 18  # of ONNX; the mean pooling of 19 takes ONNX Runtime 1.32 a hundred times as long
PARITY_PICTURES = 5_000
RANGED = 100  # tiles that tell in which range each layer answers
MNIST_LICENCE = "weights: Apache-2.0; trained on MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0"
PAPER_LICENCE = f"{MNIST_LICENCE}, and on pictures of fonts under the SIL Open Font License 1.1 and Apache-2.0"
ONNX_FILE, CARD_FILE = "model.onnx", "card.json"


def load_weights(run: Run, checkpoint: Checkpoint) -> nn.Module:
    """The run's network with a checkpoint's weights, on the CPU, ready to answer."""
    model = create_model(run.config.recipe.model)
    model.load_state_dict(load_tensors(checkpoint.read(MODEL)))
    return model.eval()


def best_checkpoint(run: Run) -> Checkpoint:
    """The weights to export: those of the epoch that read most validation digits right, the first of several.

    Raises:
        RunError: no epoch is done.
    """
    right = {row["epoch"]: row["validation_accuracy"] for row in run.metrics()}
    whole = [checkpoint for checkpoint in run.checkpoints() if checkpoint.step == 0 and checkpoint.epoch in right]
    if not whole:
        raise RunError(f"{run.folder}: no epoch is done yet; {run.resume_command()} goes on")
    damaged = ""
    for checkpoint in sorted(whole, key=lambda checkpoint: -right[checkpoint.epoch]):
        try:
            checkpoint.read(MODEL)
        except RunError as error:
            damaged = str(error)
        else:
            return checkpoint
    raise RunError(damaged)


def export(run: Run, loaders: Loaders, folder: Path | None = None, cache: str | Path | None = None) -> Path:
    """Write model.onnx, model.safetensors and card.json of a run's best epoch by validation.

    What the card says of certainty is learnt, and the parity of torch and ONNX Runtime checked, on what was held back.

    Args:
        run: with at least one epoch done.
        loaders: of the run's data.
        folder: where to write; the run folder where left out.
        cache: where MNIST is kept.

    Raises:
        RunError: no epoch is done, or the two runtimes disagree.
        OutputError: it cannot be written.
    """
    checkpoint = best_checkpoint(run)
    model = load_weights(run, checkpoint)
    target = folder or run.folder
    if isinstance(loaders.validation, TileViews):
        return _export_pages(run, checkpoint, model, loaders.validation, target, cache)
    images, labels = _all(loaders)
    graph = to_onnx(model, images[:2])
    logits = check_parity(model, graph, images[:PARITY_PICTURES])
    card = _card(run, checkpoint, model, graph)
    if isinstance(loaders.validation, Views):
        plain = open_data("mnist:validation", cache=cache)
        card |= calibrate.calibrate(graph, loaders.calibration or loaders.validation.dataset, plain)
    else:
        card |= {"temperature": _temperature(logits, labels.numpy()[: len(logits)])}
    card["accuracy"] = _measured_before(run.folder, card)
    return _write(target, checkpoint, graph, card)


def _export_pages(
    run: Run, checkpoint: Checkpoint, model: nn.Module, validation: TileViews, target: Path, cache: str | Path | None
) -> Path:
    """The same for a network that sees whole pages; it is stored in whole numbers."""
    images = torch.cat([images for images, _ in islice(validation, 5)])
    exact = to_onnx(model, images[:2])
    check_parity(model, exact, images)
    graph = quantise(exact, images[:RANGED].numpy())
    card = _card(run, checkpoint, model, graph) | {"quantised": _quantised(exact, graph, validation)}
    card |= calibrate_pages.calibrate(graph, make_pages("validation", cache))
    return _write(target, checkpoint, graph, card)


def _quantised(exact: bytes, graph: bytes, validation: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """On how many validation tiles all digits are found and read, in floating point and in whole numbers.

    Raises:
        RunError: it is too many fewer.
    """
    loss, right, tiles = Spot(), np.zeros(2, np.int64), 0
    networks = [calibrate_pages.finder(exact), calibrate_pages.finder(graph)]
    for images, targets in validation:
        maps = [torch.from_numpy(network(images.numpy())) for network in networks]
        right += [int(loss.right(one, targets).sum()) for one in maps]
        tiles += len(targets)
    if right[0] - right[1] > LOST / 100 * tiles:
        raise RunError(f"in whole numbers {right[1]:,} of {tiles:,} tiles are read right, before {right[0]:,}")
    return {"bits": 8, "tiles": tiles, "right": int(right[1]), "right_before": int(right[0])}


def _write(target: Path, checkpoint: Checkpoint, graph: bytes, card: dict[str, Any]) -> Path:
    """The card last: who finds it finds the files that it describes."""
    atomic.write_bytes(target / MODEL, checkpoint.read(MODEL))
    atomic.write_bytes(target / ONNX_FILE, graph)
    _write_card(target, card)
    return target


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Where none of these is misread they do not tell how sure to be: then no surer than the network itself."""
    fitted = fit_temperature(logits, labels)
    return fitted if (logits.argmax(axis=1) != labels).any() else max(1.0, fitted)


class _TwoOutputs(nn.Module):
    """A network that finds and reads, its logits and its boxes apart."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.model(images)  # (N, 15)
        return found[:, :11], found[:, 11:]


def to_onnx(model: nn.Module, examples: Tensor, *, folded: bool = True) -> bytes:
    """The network as ONNX: `images` (N, 1, H, W) in, `logits` (N, 10) out, parameters under their own names.

    One that also finds a digit gives `logits` (N, 11) and `boxes` (N, 4); one that finds all of a page takes any sides
    that are multiples of 16, and gives `maps` (N, 15, H/4, W/4).

    Args:
        model: ready to answer.
        examples: (N, 1, H, W), of which only the shape counts, with N above 1.
        folded: False leaves every layer as it stands in the model, batch normalisation too, each parameter under its
            name in `state_dict()`: other weights of the same network can be laid over them.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    shown, outputs, sides = model, ["logits"], {}
    if isinstance(model, Reader):
        shown, outputs = _TwoOutputs(model).eval(), ["logits", "boxes"]
    elif isinstance(model, Spotter):
        outputs, sides = ["maps"], {2: 16 * torch.export.Dim("h"), 3: 16 * torch.export.Dim("w")}
    program = torch.onnx.export(
        shown,
        (torch.zeros_like(examples),),
        dynamo=True,
        opset_version=OPSET,
        optimize=folded,
        verbose=False,
        input_names=["images"],
        output_names=outputs,
        dynamic_shapes=({0: torch.export.Dim("n"), **sides},),
    )
    if program is None:
        raise RunError("torch.onnx.export gave no graph")
    graph = program.model_proto
    if shown is not model and not folded:
        _rename(graph, "model.")
    return _without_traces(graph)


def _rename(model: onnx.ModelProto, prefix: str) -> None:
    """Take the name that a wrapper gave the network off its parameters."""
    names = {one.name: one.name.removeprefix(prefix) for one in model.graph.initializer}
    for one in model.graph.initializer:
        one.name = names[one.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def check_parity(model: nn.Module, graph: bytes, images: Tensor) -> np.ndarray:
    """The logits (N, 10) of ONNX Runtime, once they are known to be torch's.

    Raises:
        RunError: some output differs by more than `PARITY`, as a share of the largest, or of 1.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = torch.cat([model(part) for part in torch.split(images, 500)]).numpy()
    runs = [session.run(None, {"images": part.numpy()}) for part in torch.split(images, 500)]
    found = np.concatenate([np.concatenate(outputs, axis=1) for outputs in runs])
    apart = float(np.abs(expected - found).max()) / max(1.0, float(np.abs(expected).max()))
    if not apart <= PARITY:
        raise RunError(f"torch and ONNX Runtime differ by {apart:.2g} in their outputs; expected at most {PARITY:g}")
    return found


def record_accuracy(folder: Path, evaluation: Evaluation) -> None:
    """Add to the card what the model was measured at."""
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    measured = evaluation.to_dict()
    keys = ("data", "n", "correct", "accuracy", "interval", "ece")
    card["accuracy"] = {key: measured[key] for key in keys}
    _write_card(folder, card)


def _all(loaders: Loaders) -> tuple[Tensor, Tensor]:
    images, labels = zip(*loaders.validation, strict=True)
    return torch.cat(images), torch.cat(labels)


def _card(run: Run, checkpoint: Checkpoint, model: nn.Module, graph: bytes) -> dict[str, Any]:
    config = run.config.to_dict()
    framing = {"framing": "mnist", "size": [28, 28], "range": [0, 1], "polarity": "light on dark"}
    if run.config.recipe.tiles:
        framing = {"framing": "pages", "range": [0, 1], "polarity": "any"}
    elif run.config.recipe.paper:
        framing = {"framing": "zoom", "size": [SIDE, SIDE], "range": [0, 1], "polarity": "any"}
    held = "tiles" if run.config.recipe.tiles else "digits"
    first = next(iter(run.environments()), {})
    return {
        "name": run.config.recipe.name,
        "about": run.config.recipe.about,
        "recipe": config["recipe"],
        "data": Path(run.config.data).name,
        "seeds": [run.config.seed],
        "epochs": max(row["epoch"] for row in run.metrics()),
        "chosen": {"epoch": checkpoint.epoch, "by": f"accuracy on the validation {held}"},
        "parameters": count_parameters(model),
        "preprocessing": framing,
        "accuracy": None,
        "sha256": hashlib.sha256(graph).hexdigest(),
        "trained": {key: first.get(key) for key in ("time", "source", "packages", "processor", "cores", "gpu")},
        "exported_with": source.version(),
        "licence": _licence(run),
    }


def _licence(run: Run) -> str | None:
    if run.config.data != "mnist":
        return None
    return PAPER_LICENCE if run.config.recipe.paper or run.config.recipe.tiles else MNIST_LICENCE


def _measured_before(folder: Path, card: dict[str, Any]) -> dict[str, Any] | None:
    """What the card that is there says of the very same weights, if they are as sure of themselves as then."""
    path = folder / CARD_FILE
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = all(before.get(key) == card.get(key) for key in ("sha256", "temperature"))
        found: dict[str, Any] | None = before.get("accuracy") if same else None
    except (OSError, ValueError, AttributeError):
        return None  # damaged; it is about to be written again
    return found


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    atomic.write_text(folder / CARD_FILE, json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def _without_traces(model: onnx.ModelProto) -> bytes:
    """Leave out what the exporter notes for its own debugging: it holds paths of the machine that trained."""
    for part in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.value_info,
    ):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in model.graph.initializer:
        del value.metadata_props[:]
    result: bytes = model.SerializeToString(deterministic=True)
    return result
