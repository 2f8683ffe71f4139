"""The JSON of requests and answers, for the OpenAPI description.

Readings have the JSON of `numeye.results`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Digit(BaseModel):
    """A digit, its box in pixels of the picture as stored, and the probability of each digit."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    probabilities: list[float] = Field(min_length=10, max_length=10)
    frame: list[int] | None = Field(
        default=None, description="the crop that was classified: x, y, width, height"
    )


Corners = Annotated[
    list[list[float]] | None,
    Field(min_length=4, max_length=4, description="the corners x, y, if the page was turned"),
]


class Character(BaseModel):
    """A character of a number, and the probabilities of at most ten answers."""

    text: str = Field(description="~ stands for a letter or any other character")
    confidence: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    probabilities: dict[str, float] = Field(max_length=10)
    filler: bool = Field(default=False, description="a filler stroke, which is not in the text")
    quad: Corners = None


class Number(BaseModel):
    """Characters that form one number, as written, and what they mean."""

    text: str
    kind: Literal["integer", "decimal", "date", "time", "fraction", "code", "text", "other"]
    value: str | None = Field(description="a decimal number")
    date: str | None = Field(description="ISO date")
    alternatives: list[str] = Field(description="other values or dates that the text can have")
    struck_out: bool
    confidence: float = Field(ge=0, le=1)
    rejected: str | None
    row: int
    index: int
    column: int | None
    table: int | None
    box: list[int] = Field(min_length=4, max_length=4)
    characters: list[Character]
    digits: list[Digit]
    constraints: str | None = None
    quad: Corners = None


class Table(BaseModel):
    """A table: the texts of its cells, and its merged cells as row, column, height, width."""

    box: list[int] = Field(min_length=4, max_length=4)
    rows: list[list[str]]
    header_rows: int
    spans: list[list[int]]


class Reading(BaseModel):
    """The numbers on one page, or the reason why it cannot be read (only `image` and `error`)."""

    model_config = ConfigDict(extra="forbid")

    image: str
    error: str | None = None
    page: int | None = None
    text: str | None = None
    confidence: float | None = None
    rejected: str | None = None
    digits: list[Digit] | None = None
    numbers: list[Number] | None = None
    tables: list[Table] | None = None
    turned: float | None = Field(default=None, description="degrees, counter-clockwise")


class Answer(BaseModel):
    """A reading for each page of each picture, in order."""

    results: list[Reading]


class Numbers(BaseModel):
    """An array: its shape, and its numbers as little-endian float32 in base64."""

    shape: list[int]
    values: str


class Picture(BaseModel):
    """A grey picture: its height and width, and a byte for each pixel in base64."""

    shape: list[int] = Field(min_length=2, max_length=2)
    values: str


class Step(BaseModel):
    """A step from the picture to the network's input; `without` leaves steps out by their key."""

    key: str
    description: str
    applied: bool
    required: bool
    picture: Picture


class Layer(BaseModel):
    """The activations of a layer: (units, height, width) or (units,).

    `sources` are the tensors that the layer reads: outputs of other layers, or the network's input.
    Kernels, strides, dilations and pads are given as rows and columns.
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
    pads_count: bool = Field(description="average pooling counts the padding as zeros")
    group: int
    weights: bool
    active: float = Field(description="percentage of the values above 0")
    values: Numbers


class Explanation(BaseModel):
    """What a network computed for one digit.

    If there is no digit, `rejected` says why. For a blank page the input is an empty picture.
    """

    model: str
    answer: str | None
    rejected: str | None
    probabilities: list[float] = Field(
        description="of 0 to 9; an eleventh number, if there is one, is that of no digit"
    )
    picture: list[int] = Field(description="width, height")
    crop: list[float] | None = Field(
        description="x, y, width, height of the crop that became the network's input"
    )
    input: str = Field(description="name of the network's input tensor")
    pixels: Numbers
    steps: list[Step]
    layers: list[Layer]
    occlusion_map: Numbers | None = Field(
        description="occlusion map: percentage points that the answer loses if a patch of 6x6"
        " pixels is hidden, every 2 pixels"
    )
    ablation_cam: Numbers | None = Field(
        description="Ablation-CAM of the last feature maps for the answer"
    )


class TopActivation(BaseModel):
    """A training digit, the unit's activation for it, and where in the feature map that is."""

    label: int
    value: float
    position: list[int]
    digit: Picture


class Unit(BaseModel):
    """The weights of a unit: (inputs, rows, columns) or (inputs,).

    Without `unit`, the weights of all units of the layer, with the units as first dimension.
    """

    layer: str
    unit: int | None
    weight: Numbers | None
    bias: float | None
    statistics: dict[str, float] | None
    top_activations: list[TopActivation] | None
    note: str | None = Field(description="why there are no top activations")


class Model(BaseModel):
    """A packaged model."""

    name: str
    default: bool
    card: dict[str, Any]


class Models(BaseModel):
    """All packaged models."""

    models: list[Model]


class Problem(BaseModel):
    """An error (RFC 9457): what is wrong, and what to do."""

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
                "properties": {
                    "image": {"type": "array", "items": {"type": "string", "format": "binary"}}
                },
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
                        "description": "pictures as rows of grey values, 0 (black) to 255 (white)",
                        "items": {
                            "type": "array",
                            "items": {"type": "array", "items": {"type": "number"}},
                        },
                    },
                },
            }
        },
        "application/x-npy": {"schema": {"type": "string", "format": "binary"}},
    },
}
