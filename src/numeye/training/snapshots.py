"""Watching a network learn: its graph, its weights every so many steps, and how well it does.

The files are for whoever looks at the run folder while it is written, as the page of `numeye serve` does; see
`numeye.runs` for their names and `numeye.snapshots` for reading with them.
"""

from __future__ import annotations

import copy

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from numeye import atomic
from numeye.runs import GRAPH
from numeye.training.export import to_onnx
from numeye.training.loop import Callback, Training

EARLY = (0, 1, 2, 5, 10, 20, 50)  # the most happens at the beginning
SNAPSHOT_EVERY, ROW_EVERY = 100, 10


class Snapshots(Callback):
    """Keeps the weights that are stepped, not their average where a recipe keeps one.

    The loss and the accuracy of each row are of these weights, and they move from the first step on, while an average
    over hundreds of steps hardly differs from the random beginning when most is being learnt.
    """

    def __init__(self) -> None:
        self._forget()

    def started(self, training: Training) -> None:
        """Write the graph, and drop what was written after the step that is gone on from."""
        training.run.forget_steps(training.steps)
        self._forget()
        if not training.run.is_watched:
            atomic.write_bytes(training.run.folder / GRAPH, _graph(training))
        if training.steps == 0:
            _keep(training)

    def stepped(self, training: Training, pictures: int) -> None:
        """Add up, and write where a row or a snapshot is due."""
        if training.last is not None:
            self._loss += training.last.loss * pictures
            outputs = training.last.outputs.float()  # as the loss has them, also where training is in half precision
            self._right += training.loss_function.right(outputs, training.last.targets).sum()
            self._pictures += pictures
        step = training.steps
        kept = step in EARLY or step % SNAPSHOT_EVERY == 0 or step == training.steps_in_all
        if kept:
            _keep(training)  # before its row: who reads of a step finds its weights
        # At an epoch's end, too: after a kill it goes on from there, and the rows come out as if nothing had been.
        if kept or step % ROW_EVERY == 0 or training.step == len(training.loaders.train):
            loss, accuracy = self._loss / self._pictures, float(self._right) / self._pictures * 100
            training.run.add_steps({"step": step, "loss": round(loss, 6), "accuracy": round(accuracy, 3)})
            self._forget()

    def _forget(self) -> None:
        self._loss, self._pictures = 0.0, 0
        self._right: Tensor | int = 0  # stays on its device until a row is due


def _keep(training: Training) -> None:
    # Buffers that no answer hangs on, such as counts of batches, are not in the graph either.
    weights = {
        name: value.detach().float().cpu().contiguous()
        for name, value in training.model.state_dict().items()
        if value.is_floating_point()
    }
    atomic.write_bytes(training.run.snapshot(training.steps), save_tensors(weights))


def _graph(training: Training) -> bytes:
    """The network as it stands, unfolded. Nothing random that training hangs on is drawn."""
    with torch.random.fork_rng(devices=[]):
        images, _ = next(iter(training.loaders.validation))
        model: nn.Module = copy.deepcopy(training.model).cpu().to(memory_format=torch.contiguous_format)
        return to_onnx(model.eval(), torch.zeros(2, *images.shape[1:]), folded=False)
