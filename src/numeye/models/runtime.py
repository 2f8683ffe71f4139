"""Networks in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from numeye.errors import ModelError, first_line, is_out_of_memory
from numeye.models.card import Model
from numeye.models.task import ANY, CHANNELS, TASKS, Shape, Task

if TYPE_CHECKING:
    from jaxtyping import Float32

# Open sides of the empty picture that frees memory; open sides are multiples of 16.
MIN_SIDE_PX = 16
MAX_BATCH_SIZE = 128  # larger batches are no faster and take more memory


class Network:
    """A model in ONNX Runtime; several threads may call it.

    Args:
        model: the model; its card may name the task.
        threads: threads for one batch; 0 for all cores.

    Attributes:
        task: the name of the task that its inputs and outputs fit.

    Raises:
        ModelError: it cannot be run, or its shapes do not fit its task.
    """

    def __init__(self, model: Model, threads: int) -> None:
        if model.task and model.task not in TASKS:
            raise ModelError(
                f"{model.name}: its card names the task {model.task!r}; this version knows "
                f"{', '.join(TASKS)}"
            )
        self._session = _create_session(model, threads)
        self.task = _find_task(model.name, model.task, self._session)
        self._model = model.name
        self._input = self._session.get_inputs()[0].name

    def __call__(
        self, pixels: Float32[np.ndarray, "n height width"]
    ) -> list[Float32[np.ndarray, "n ..."]]:
        """Return each output of the network for these pictures.

        Args:
            pixels: as the task receives them; at least as many as its `least_batch`.

        Raises:
            ModelError: it fails, or the logits are not finite.
            MemoryError: there is not enough memory.
        """
        # It runs without a picture too, for the shapes of the outputs.
        rows = range(0, max(len(pixels), 1), MAX_BATCH_SIZE)
        try:
            batches = [
                self._session.run(None, {self._input: pixels[row : row + MAX_BATCH_SIZE, None]})
                for row in rows
            ]
        except Exception as error:
            # Shapes may fit one picture only, or the type of the numbers may be another.
            if is_out_of_memory(error):
                raise MemoryError(first_line(error)) from error
            raise ModelError(f"{self._model}: cannot be run ({first_line(error)})") from error
        outputs = (
            batches[0]
            if len(batches) == 1
            else [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        )
        if not np.isfinite(outputs[0]).all():
            raise ModelError(
                f"{self._model}: its logits are not finite; install or export it again"
            )
        return outputs

    def release(self) -> None:
        """Give back the memory that ONNX Runtime keeps after large pictures."""
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        count, *open_sides = self._session.get_inputs()[0].shape
        sides = [side if isinstance(side, int) else MIN_SIDE_PX for side in open_sides]
        fewest = count if isinstance(count, int) else TASKS[self.task].least_batch
        no_pictures = np.zeros((fewest, *sides), np.float32)
        self._session.run(None, {self._input: no_pictures}, options)

    def localize(self, pixels: Float32[np.ndarray, "n side side"]) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and boxes of a network for localization; see `recognition.localizer`.

        Returns:
            Logits (n, 11) and boxes (n, 4).
        """
        logits, boxes = self(pixels)
        return logits, boxes


def _create_session(model: Model, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors are raised; the runtime prints nothing
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model.onnx, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(first_line(error)) from error
        raise ModelError(
            f"{model.name}: not an ONNX model that can be run ({first_line(error)})"
        ) from error


def _find_task(name: str, card_task: str, session: onnxruntime.InferenceSession) -> str:
    """Return the name of the task that fits the inputs and outputs of a network.

    Args:
        name: of the model, for messages.
        card_task: the task that the card names; empty if it names none.
        session: the network.
    """
    inputs, outputs = (
        [list(port.shape) for port in ports]
        for ports in (session.get_inputs(), session.get_outputs())
    )
    shapes = tuple(tuple(_without_batch(shape) for shape in ports) for ports in (inputs, outputs))
    possible = [task for task in TASKS.values() if card_task in ("", task.name)]
    for task in possible:
        expected = ((task.input_shape,), task.output_shapes)
        if _fit(shapes, expected) and not isinstance(inputs[0][0], int):
            return task.name
    expected_shapes = " or ".join(_format_task_shapes(task) for task in possible)
    raise ModelError(
        f"{name}: another network: inputs {inputs}, outputs {outputs}; expected {expected_shapes}"
    )


def _fit(shapes: tuple[tuple[Shape, ...], ...], expected: tuple[tuple[Shape, ...], ...]) -> bool:
    """Tell whether shapes of inputs and outputs are those that a task expects."""
    return [len(ports) for ports in shapes] == [len(ports) for ports in expected] and all(
        len(shape) == len(other)
        and all(
            side == wanted or (wanted == CHANNELS and side > 0)
            for side, wanted in zip(shape, other, strict=True)
        )
        for ports, others in zip(shapes, expected, strict=True)
        for shape, other in zip(ports, others, strict=True)
    )


def _without_batch(shape: list[Any]) -> Shape:
    """Return a shape without its first dimension; sides that the network leaves open are `ANY`."""
    return tuple(side if isinstance(side, int) else ANY for side in shape[1:])


def _format_task_shapes(task: Task) -> str:
    inputs, outputs = (
        " and ".join(_format_shape(shape) for shape in shapes)
        for shapes in ((task.input_shape,), task.output_shapes)
    )
    return f"{inputs} in, {outputs} out"


def _format_shape(shape: Shape) -> str:
    return f"(N,{','.join('*' if side < 0 else str(side) for side in shape)})"
