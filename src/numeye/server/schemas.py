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
