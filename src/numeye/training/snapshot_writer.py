"""Snapshots of a network while it learns: its graph, its weights at some steps, and its loss.

Others read the files while they are written, for example the page of `numeye serve`. See
`numeye.models.run_folder` for their names and `numeye.models.snapshots` for reading digits with
them.
"""

from __future__ import annotations

import copy

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from numeye.io import files
from numeye.models.run_folder import GRAPH
from numeye.training.loop import Callback, Training
from numeye.training.onnx_export import to_onnx
from numeye.training.tasks import trainer_for

EARLY_STEPS = (0, 1, 2, 5, 10, 20, 50)  # most changes happen at the beginning
SNAPSHOT_INTERVAL, ROW_INTERVAL = 100, 10  # steps


class SnapshotWriter(Callback):
    """Writes the weights that the optimizer changes, not their average.

    Loss and accuracy in each row belong to these weights. They change from the first step on. An
    average over hundreds of steps stays close to the random first weights while the network learns
    most.
    """

    def __init__(self) -> None:
        self._reset()

    def on_start(self, training: Training) -> None:
        """Write the graph, and remove what was written after the step to continue from."""
        training.run.drop_steps_after(training.steps)
        self._reset()
        if not training.run.is_watched:
            files.write_bytes(training.run.folder / GRAPH, _unfused_graph(training))
        if training.steps == 0:
            _write_snapshot(training)

    def on_step(self, training: Training, pictures: int) -> None:
        """Sum up, and write a row or a snapshot if it is due."""
        if training.last_step is not None:
            self._loss += training.last_step.loss * pictures
            # as float32, as the loss receives them in half precision too
            outputs = training.last_step.outputs.float()
            targets = training.last_step.targets
            self._correct += training.loss_function.correct(outputs, targets).sum()
            self._pictures += pictures
        step = training.steps
        is_snapshot = (
            step in EARLY_STEPS or step % SNAPSHOT_INTERVAL == 0 or step == training.total_steps
        )
        if is_snapshot:
            _write_snapshot(training)  # before its row: readers of a row find the weights
        # Also at the end of an epoch: after a kill, training continues there with the same rows.
        ends_epoch = training.step == len(training.loaders.train)
        if is_snapshot or step % ROW_INTERVAL == 0 or ends_epoch:
            loss = self._loss / self._pictures
            accuracy = float(self._correct) / self._pictures * 100
            training.run.append_step(
                {"step": step, "loss": round(loss, 6), "accuracy": round(accuracy, 3)}
            )
            self._reset()

    def _reset(self) -> None:
        self._loss, self._pictures = 0.0, 0
        self._correct: Tensor | int = 0  # stays on its device until a row is due


def _write_snapshot(training: Training) -> None:
    # Integer buffers, such as counts of batches, change no output and are not in the graph.
    weights = {
        name: value.detach().float().cpu().contiguous()
        for name, value in training.model.state_dict().items()
        if value.is_floating_point()
    }
    files.write_bytes(training.run.snapshot_path(training.steps), save_tensors(weights))


def _unfused_graph(training: Training) -> bytes:
    """Return the network as ONNX, with every layer as it is.

    Training's random numbers stay the same.
    """
    trainer = trainer_for(training.run.config.recipe)
    with torch.random.fork_rng(devices=[]):
        model: nn.Module = (
            copy.deepcopy(training.model).cpu().to(memory_format=torch.contiguous_format)
        )
        examples = torch.zeros(2, *trainer.example_shape)
        return to_onnx(model.eval(), examples, trainer.signature, optimize=False)
