"""The task of a network: classification, localization or detection.

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
    """

    name: str
    input_shape: Shape
    output_shapes: tuple[Shape, ...]
    loss: str


# Logits of the ten digits, for a digit in MNIST's frame.
CLASSIFICATION = Task("classification", (1, 28, 28), ((10,),), loss="cross-entropy")
# Logits of the ten digits and "no digit", and a box, for a crop with at most one digit.
LOCALIZATION = Task("localization", (1, 40, 40), ((11,), (4,)), loss="localization")
# Maps of objectness, class logits and boxes, a quarter as high and wide, for a page of any size.
# A network may know the first of `CHARACTERS` only.
DETECTION = Task("detection", (1, ANY, ANY), ((CHANNELS, ANY, ANY),), loss="detection")
TASKS = {task.name: task for task in (CLASSIFICATION, LOCALIZATION, DETECTION)}
