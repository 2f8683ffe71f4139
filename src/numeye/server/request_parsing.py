"""Request parsing: finds the pictures in a body (files, raw bytes, base64 or arrays).

Nothing is decoded here.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from fastapi import Request

from numeye.server.problem_details import Problem
from numeye.server.security.limits import Limits
from numeye.server.transport import array_bodies, multipart
from numeye.server.transport.body_receiver import BodyReceiver, is_disconnected

MULTIPART, JSON, NPY = "multipart/form-data", "application/json", "application/x-npy"
RAW_TYPES = ("application/octet-stream", "application/pdf")  # and every image/...
ACCEPTED_TYPES = ", ".join((MULTIPART, "image/*", *RAW_TYPES, JSON, NPY))
MAX_NPY_HEADER_BYTES = 1_000  # numpy writes 128
DATA_URL_PREFIX = "data:"  # of a URL that contains a file (RFC 2397)
NPY_VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

JSON_HINT = 'Send {"images": ["base64", ...]} or {"arrays": [[[0, 255, ...], ...], ...]}.'
NPY_HINT = "Send what numpy.save writes for an array (n, height, width) without objects."
ARRAY_HINT = "Send numbers in rows, and rows in pictures: [[[0, 255, ...], ...], ...]."


@dataclass(frozen=True)
class SentPicture:
    """A picture as the client sent it.

    Attributes:
        content: A file's bytes, or an array of grey values.
        name: The file's name if the request gives one. It is part of the answer and is never used
            as a path.
    """

    content: bytes | memoryview | np.ndarray
    name: str = ""


@dataclass(frozen=True)
class Upload:
    """All pictures of a request.

    Attributes:
        pictures: The pictures, in order.
        close: Releases their memory in the budget; whoever reads them last calls it.
        is_disconnected: Returns whether the client has left.
    """

    pictures: list[SentPicture]
    close: Callable[[], None]
    is_disconnected: Callable[[], bool]


async def parse_pictures(request: Request, limits: Limits, receiver: BodyReceiver) -> Upload:
    """Receive a request's body and return its pictures, in order.

    Raises:
        Problem: There is no picture, there are too many, the body is too large or cannot be
            parsed, or its content type is not supported.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (MULTIPART, JSON, NPY, *RAW_TYPES) and not media_type.startswith("image/"):
        raise Problem(
            415,
            f"Content-Type is {media_type[:80] or 'missing'!r}; expected one of {ACCEPTED_TYPES}",
            "Send the Content-Type of the body.",
        )
    max_bytes = limits.json_bytes if media_type == JSON else limits.request_bytes
    body = await receiver.receive(request, max_bytes)
    try:
        pictures = await _parse_body(media_type, content_type, body.content, limits, receiver)
        if not pictures:
            raise Problem(
                422,
                "the request contains no picture",
                f"Send at least one picture as {ACCEPTED_TYPES}.",
            )
        _check_count(len(pictures), limits.pictures)
    except BaseException:
        body.close()
        raise
    return Upload(pictures, body.close, partial(is_disconnected, request))


async def _parse_body(
    media_type: str, content_type: str, body: bytes, limits: Limits, receiver: BodyReceiver
) -> list[SentPicture]:
    if media_type == MULTIPART:
        return await receiver.run_on_thread(
            partial(_parse_form, content_type, body, limits.pictures)
        )
    if media_type == JSON:
        return await receiver.run_on_thread(partial(_parse_json, body, limits.pictures))
    if media_type == NPY:
        return _parse_npy(body, limits.pictures)
    return [SentPicture(body)] if body else []


def _check_count(count: int, max_pictures: int) -> None:
    if count > max_pictures:
        raise Problem(
            413,
            f"the request contains {count:,} pictures; expected at most {max_pictures}",
            "Send fewer pictures at once.",
        )


def _parse_form(content_type: str, body: bytes, max_pictures: int) -> list[SentPicture]:
    """Return the files of a form; other fields are ignored."""
    try:
        return [
            SentPicture(content, name)
            for name, content in multipart.parse_files(content_type, body, max_pictures)
        ]
    except multipart.FormError as error:
        raise Problem(
            422,
            f"the form cannot be parsed ({error})",
            "Send each picture as a file of the form.",
        ) from error


def _parse_json(body: bytes, max_pictures: int) -> list[SentPicture]:
    """Return the pictures of `{"images": [base64, ...]}` or `{"arrays": [rows, ...]}`, or both."""
    try:
        document = array_bodies.parse(body)
    except (array_bodies.JsonError, ValueError, RecursionError) as error:
        raise Problem(422, f"the JSON cannot be parsed ({error})", JSON_HINT) from error
    if not isinstance(document, dict) or not document.keys() <= {"images", "arrays"}:
        raise Problem(
            422,
            'the JSON is not an object with "images" or "arrays" and nothing else',
            JSON_HINT,
        )
    images, arrays = document.get("images", []), document.get("arrays", [])
    if not isinstance(images, list | np.ndarray) or not isinstance(arrays, list | np.ndarray):
        raise Problem(422, '"images" or "arrays" is not a list', JSON_HINT)
    _check_count(len(images) + len(arrays), max_pictures)
    return [
        *(SentPicture(_decode_base64(text)) for text in images),
        *(SentPicture(_parse_array(rows)) for rows in arrays),
    ]


def _decode_base64(text: Any) -> bytes:
    """Return a file that is sent in base64, alone or as a data URL."""
    try:
        if not isinstance(text, str):
            raise TypeError("not a string")
        if text[: len(DATA_URL_PREFIX)].lower() == DATA_URL_PREFIX:
            text = _strip_data_url(text)
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Problem(
            422, f"an image is not base64 ({error})", "Send the file's bytes in base64."
        ) from error


def _strip_data_url(text: str) -> str:
    head, comma, content = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ValueError("a data URL without ;base64")
    return content


def _parse_array(rows: Any) -> np.ndarray:
    """Return an array; integers from 0 to 255 are grey values, as in a file."""
    try:
        array = np.asarray(array_bodies.to_array(rows), np.float64)
    except (ValueError, TypeError) as error:
        raise Problem(
            422, f"an array does not consist of rows of numbers ({error})", ARRAY_HINT
        ) from error
    if array.ndim not in (2, 3):
        raise Problem(
            422, f"an array has {array.ndim} dimensions; expected rows of numbers", ARRAY_HINT
        )
    if array.size and array.min() >= 0 and array.max() <= 255 and (array == np.floor(array)).all():
        return array.astype(np.uint8)
    return array


def _parse_npy(body: bytes, max_pictures: int) -> list[SentPicture]:
    """Return the pictures of a .npy file: one (height, width), or several (n, height, width)."""
    stream = io.BytesIO(body)
    try:
        _check_npy_header(body)
        shape, is_fortran, dtype = NPY_VERSIONS[np.lib.format.read_magic(stream)](stream)
    except Exception as error:
        raise _invalid_npy(type(error).__name__) from error
    size = len(body) - stream.tell()
    is_valid_shape = len(shape) in (2, 3) and all(type(side) is int and side > 0 for side in shape)
    if not is_valid_shape or dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize != size:
        raise _invalid_npy(f"{dtype} of shape {shape} in {size:,} bytes")
    _check_count(shape[0] if len(shape) == 3 else 1, max_pictures)
    array = np.frombuffer(body, dtype, offset=stream.tell())
    array = array.reshape(shape, order="F" if is_fortran else "C")
    return [SentPicture(picture) for picture in ([array] if array.ndim == 2 else array)]


def _invalid_npy(reason: str) -> Problem:
    return Problem(422, f"the .npy file cannot be parsed ({reason})", NPY_HINT)


def _check_npy_header(body: bytes) -> None:
    """Reject a long header: numpy parses it as Python, which takes long."""
    if len(body) <= 12:
        return
    size_field = body[8:10] if body[6] == 1 else body[8:12]
    if int.from_bytes(size_field, "little") > MAX_NPY_HEADER_BYTES:
        raise ValueError("the header is too long")
