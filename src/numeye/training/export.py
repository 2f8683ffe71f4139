"""A run's weights for others to use: ONNX, safetensors, and the card that describes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from torch import nn

from numeye.errors import RunError
from numeye.evaluation.digits import DigitsResult
from numeye.io import files, structured_files
from numeye.models import environment
from numeye.models.run_folder import MODEL, Checkpoint, Run
from numeye.training.loaders import Loaders
from numeye.training.networks import count_parameters, create_model
from numeye.training.tasks import trainer_for

ONNX_FILE, CARD_FILE = "model.onnx", "card.json"


def load_weights(run: Run, checkpoint: Checkpoint) -> nn.Module:
    """Return the run's network with a checkpoint's weights, on the CPU, in evaluation mode."""
    model = create_model(run.config.recipe.model)
    model.load_state_dict(load_tensors(checkpoint.read(MODEL)))
    return model.eval()


def best_checkpoint(run: Run) -> Checkpoint:
    """Return the checkpoint with the best validation accuracy, the first of equal ones.

    Raises:
        RunError: no epoch is complete, or all checkpoints are damaged.
    """
    accuracy = {row["epoch"]: row["validation_accuracy"] for row in run.metrics()}
    complete = [
        checkpoint
        for checkpoint in run.checkpoints()
        if checkpoint.step == 0 and checkpoint.epoch in accuracy
    ]
    if not complete:
        raise RunError(
            f"{run.folder}: no epoch is complete yet; continue with: {run.resume_command()}"
        )
    damage = ""
    for checkpoint in sorted(complete, key=lambda checkpoint: -accuracy[checkpoint.epoch]):
        try:
            checkpoint.read(MODEL)
        except RunError as error:
            damage = str(error)
        else:
            return checkpoint
    raise RunError(damage)


def export(
    run: Run, loaders: Loaders, folder: Path | None = None, cache: str | Path | None = None
) -> Path:
    """Write model.onnx, model.safetensors and card.json of a run's best epoch by validation.

    The validation pictures also calibrate the confidence, and check that ONNX Runtime computes
    what PyTorch computes.

    Args:
        run: with at least one complete epoch.
        loaders: of the run's data.
        folder: where to write; the run folder by default.
        cache: where MNIST is kept.

    Returns:
        The folder with the files.

    Raises:
        RunError: no epoch is complete, or the two runtimes disagree.
        OutputError: a file cannot be written.
    """
    checkpoint = best_checkpoint(run)
    model = load_weights(run, checkpoint)
    graph, calibration = trainer_for(run.config.recipe).export(model, loaders, cache)
    card = _create_card(run, checkpoint, model, graph) | calibration
    card["accuracy"] = _previous_accuracy(run.folder, card)
    target = folder or run.folder
    files.write_bytes(target / MODEL, checkpoint.read(MODEL))
    files.write_bytes(target / ONNX_FILE, graph)
    _write_card(target, card)  # last, so that the files which a card describes are always there
    return target


def record_accuracy(folder: Path, evaluation: DigitsResult) -> None:
    """Add a measured accuracy to the card in a folder."""
    card = structured_files.load_json(folder / CARD_FILE)
    card["accuracy"] = accuracy_entry(evaluation)
    _write_card(folder, card)


def accuracy_entry(evaluation: DigitsResult) -> dict[str, Any]:
    """Return a card's entry `accuracy` for a measurement."""
    measured = evaluation.to_dict()
    return {
        key: measured[key]
        for key in ("data", "n", "correct", "accuracy", "interval", "ece", "mce", "reliability")
    }


def _create_card(
    run: Run, checkpoint: Checkpoint, model: nn.Module, graph: bytes
) -> dict[str, Any]:
    config, trainer = run.config, trainer_for(run.config.recipe)
    first_start = next(iter(run.starts()), {})
    first_weights = {key: first_start[key] for key in ("pretrained",) if key in first_start}
    about_data = trainer.card_data(config)
    return {
        "name": config.recipe.name,
        "about": config.recipe.about,
        "recipe": config.to_dict()["recipe"],
        "data": about_data["data"],
        **first_weights,
        "seeds": [config.seed],
        "epochs": max(row["epoch"] for row in run.metrics()),
        "chosen": {
            "epoch": checkpoint.epoch,
            "by": f"accuracy on the validation {trainer.validated}",
        },
        "parameters": count_parameters(model),
        "task": config.recipe.task,
        "preprocessing": trainer.preprocessing,
        "accuracy": None,
        "sha256": hashlib.sha256(graph).hexdigest(),
        "trained": {
            key: first_start.get(key)
            for key in ("time", "source", "packages", "processor", "cores", "gpu")
        },
        "exported_with": environment.version(),
        "licence": about_data["licence"],
    }


def _previous_accuracy(folder: Path, card: dict[str, Any]) -> dict[str, Any] | None:
    """Return the accuracy on the card in a folder, if weights and calibration are the same."""
    path = folder / CARD_FILE
    if not path.is_file():
        return None
    try:
        previous = structured_files.load_json(path)
        same = all(
            previous.get(key) == card.get(key) for key in ("sha256", "temperature", "no_digit")
        )
        accuracy: dict[str, Any] | None = previous.get("accuracy") if same else None
    except (OSError, ValueError, AttributeError):
        return None  # a damaged card; a new one is about to be written
    return accuracy


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    files.write_text(folder / CARD_FILE, json.dumps(card, indent=1, ensure_ascii=False) + "\n")
