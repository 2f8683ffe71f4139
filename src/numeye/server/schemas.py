"""The shapes of requests and answers, for the OpenAPI description; answers are the JSON of `numeye.results`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Digit(BaseModel):
    """A digit, its box in pixels of the upright picture, and the probability of each digit."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    probabilities: list[float] = Field(min_length=10, max_length=10)
    frame: list[int] | None = Field(default=None, description="the window that was looked at")


class Number(BaseModel):
    """Digits that belong together."""

    text: str
    confidence: float = Field(ge=0, le=1)
    rejected: str | None
    box: list[int] = Field(min_length=4, max_length=4)
    row: int
    index: int
    column: int | None = None
    digits: list[Digit]
    fits: str | None = None


class Reading(BaseModel):
    """What one page says, or why it cannot be read (`error`, and then nothing else but `image`)."""

    model_config = ConfigDict(extra="forbid")

    image: str
    error: str | None = None
    page: int | None = None
    text: str | None = None
    confidence: float | None = None
    rejected: str | None = None
    digits: list[Digit] | None = None
    numbers: list[Number] | None = None
    turned: int | None = None


class Answer(BaseModel):
    """An answer for each page of each picture, in order."""

    results: list[Reading]


class Numbers(BaseModel):
    """An array: its shape, and its numbers as float32, the lowest byte first, in base64."""

    shape: list[int]
    values: str


class Picture(BaseModel):
    """A grey picture: its height and width, and a byte for each pixel in base64."""

    shape: list[int] = Field(min_length=2, max_length=2)
    values: str


class Step(BaseModel):
    """A step of a picture on its way to the network, which `without` leaves out by its key."""

    key: str
    about: str
    done: bool
    needed: bool
    picture: Picture


class Layer(BaseModel):
    """What a layer, or a step between two, made of the picture: (units, height, width) or (units,).

    `sources` are the tensors that it reads: of other layers, or the network's input. Kernels, strides, dilations and
    pads are rows and columns.
    """

    name: str
    kind: str
    operation: str
    tensor: str
    shape: list[int]
    sources: list[str]
    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]
    pads_count: bool = Field(description="a mean counts what lies outside of the maps as 0")
    group: int
    weights: bool
    active: float = Field(description="share of its numbers above 0, in percent")
    values: Numbers


class Explanation(BaseModel):
    """How a network saw one digit. Without one, `rejected` says why; of a blank page, it saw an empty picture."""

    model: str
    answer: str | None
    rejected: str | None
    probabilities: list[float] = Field(description="of 0 to 9; the eleventh, where there is one, is no digit")
    picture: list[int] = Field(description="width, height")
    window: list[float] | None = Field(description="x, y, width, height of what the network was fed with")
    input: str = Field(description="the tensor that the pixels are fed into")
    pixels: Numbers
    steps: list[Step]
    layers: list[Layer]
    hidden: Numbers | None = Field(description="points that the answer loses when 6x6 pixels there are hidden, by 2")
    activation: Numbers | None = Field(description="where the last maps saw what speaks for the answer (Ablation-CAM)")


class Exciting(BaseModel):
    """A training digit, how much the unit says of it, and where in its map it says so."""

    label: int
    value: float
    at: list[int]
    digit: Picture


class Unit(BaseModel):
    """What a unit weighs with: (inputs, rows, columns), or (inputs,); of all units of a layer, theirs first."""

    layer: str
    unit: int | None
    weight: Numbers | None
    bias: float | None
    statistics: dict[str, float] | None
    exciting: list[Exciting] | None
    note: str | None = Field(description="why there is nothing exciting to show")


class Model(BaseModel):
    """A packaged model."""

    name: str
    default: bool
    card: dict[str, Any]


class Models(BaseModel):
    """All that can be asked for."""

    models: list[Model]


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    hint: str


REQUEST: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "images": {"type": "array", "items": {"type": "string", "format": "byte"}},
                    "arrays": {
                        "type": "array",
                        "description": "pictures as rows of greys, 0 black to 255 white",
                        "items": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                    },
                },
            }
        },
        "application/x-npy": {"schema": {"type": "string", "format": "binary"}},
    },
}
