"""The task of a network: classification, localization, detection or transcription.

A recipe and a card name their task. The name decides what the network receives and returns, how it
is trained (`numeye.training.tasks`) and which reader uses it (`numeye.recognition`).
"""

from __future__ import annotations

from dataclasses import dataclass

ANY = -1  # in a shape: a side of any length
CHANNELS = -2  # in a shape: any fixed number of channels
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """One kind of task.

    Attributes:
        name: the name in recipes and cards.
        input_shape: channels, height and width of the network's input.
        output_shapes: shapes of its outputs, without the dimension of the batch.
        loss: name of the loss for training; see `numeye.training.losses`.
        purpose: what its networks do, for messages.
        reads_one_digit: whether they read one digit a picture, without another network.
        least_batch: how many pictures the network takes at least. A recurrent layer of ONNX Runtime
            does not run without one.
    """

    name: str
    input_shape: Shape
    output_shapes: tuple[Shape, ...]
    loss: str
    purpose: str
    reads_one_digit: bool = True
    least_batch: int = 0


# Logits of the ten digits, for a digit in MNIST's frame.
CLASSIFICATION = Task(
    "classification",
    (1, 28, 28),
    ((10,),),
    loss="cross-entropy",
    purpose="classifies single digits",
)
# Logits of the ten digits and "no digit", and a box, for a crop with at most one digit.
LOCALIZATION = Task(
    "localization",
    (1, 40, 40),
    ((11,), (4,)),
    loss="localization",
    purpose="finds and reads single digits",
)
# Maps of objectness, class logits and boxes, a quarter as high and wide, for a page of any size.
# A network may know the first of `CHARACTERS` only.
DETECTION = Task(
    "detection",
    (1, ANY, ANY),
    ((CHANNELS, ANY, ANY),),
    loss="detection",
    purpose="finds digits on pages",
    reads_one_digit=False,
)
# Logits of `CHARACTERS` and, last, of the blank of CTC for each column of a picture of one number.
# There is a column for four pixels across.
TRANSCRIPTION = Task(
    "transcription",
    (1, 32, ANY),
    ((ANY, CHANNELS),),
    loss="transcription",
    purpose="reads whole numbers",
    reads_one_digit=False,
    least_batch=1,
)
TASKS = {task.name: task for task in (CLASSIFICATION, LOCALIZATION, DETECTION, TRANSCRIPTION)}


def reads_one_digit(task: str) -> bool:
    """Tell whether networks of the task with this name read one digit a picture on their own.

    Networks whose card names no task are taken to do so.
    """
    return task not in TASKS or TASKS[task].reads_one_digit
