"""What a request holds: pictures as files, as bytes, in base64 or as numbers. None of them is decoded here."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import json
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from numeye.server.limits import Limits
from numeye.server.problems import Problem

FORM, JSON, NPY = "multipart/form-data", "application/json", "application/x-npy"
AS_IT_IS = ("application/octet-stream", "application/pdf")  # and all that begins with image/
KINDS = ", ".join((FORM, "image/*", *AS_IT_IS, JSON, NPY))
FIELDS, FIELD = 16, 1_000  # of a form, that are no files; and bytes of each
SHAPE = "numbers in rows, rows in pictures: [[[0, 255, ...], ...], ...]"


@dataclass(frozen=True)
class Sent:
    """A picture as it came.

    Attributes:
        content: bytes of a file, or numbers.
        name: of the file, where the request tells one; it is told back, and opens nothing.
    """

    content: bytes | np.ndarray
    name: str = ""


async def pictures(request: Request, limits: Limits) -> list[Sent]:
    """The pictures of a request, in order.

    Raises:
        Problem: there is none, they are too many or too large, or of a kind that is not known.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (FORM, JSON, NPY, *AS_IT_IS) and not kind.startswith("image/"):
        raise Problem(415, f"Content-Type is {kind or 'missing'!r}; expected one of {KINDS}", "Name what is sent.")
    body = await whole(request, limits.json if kind == JSON else limits.request, limits.seconds)
    if kind == FORM:
        found = await _of_form(request.headers, body, limits)
    elif kind == JSON:
        found = await asyncio.to_thread(_of_json, body, limits.pictures)
    elif kind == NPY:
        found = _of_npy(body, limits.pictures)
    else:
        found = [Sent(body)] if body else []
    if not found:
        raise Problem(422, "there is no picture in the request", f"Send at least one: {KINDS}.")
    _check_count(len(found), limits.pictures)
    return found


def _check_count(found: int, most: int) -> None:
    if found > most:
        raise Problem(413, f"{found:,} pictures; at most {most} are read at once", "Send fewer.")


async def whole(request: Request, most: int, seconds: float) -> bytes:
    """All bytes of a request.

    Raises:
        Problem: they are too many, told as soon as it is known; or they take longer than that to come.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise _too_long(f"{int(announced):,}", most)
    try:
        return await asyncio.wait_for(_received(request, most), seconds)
    except TimeoutError as error:
        raise Problem(408, f"nothing whole came within {seconds:g} s", "Send it quicker, or less.") from error


async def _received(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_long(f"more than {most:,}", most)
        parts.append(part)
    return b"".join(parts)


def _too_long(found: str, most: int) -> Problem:
    return Problem(413, f"{found} bytes; at most {most:,} are taken", "Send a smaller picture, or fewer at once.")


class InMemory(MultiPartParser):
    """Keeps files in memory, where they are already, and off the disk."""

    spool_max_size = 1 << 40


async def _of_form(headers: Headers, body: bytes, limits: Limits) -> list[Sent]:
    """The files of a form; what is no file is passed over."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    # Of the head only what parts the form is needed: its character set is the sender's to choose, and some are slow.
    _, _, boundary = headers.get("content-type", "").partition("boundary=")
    plain = Headers({"content-type": f"{FORM}; boundary={boundary.partition(';')[0].strip()}"})
    parser = InMemory(plain, stream(), max_files=limits.pictures + 1, max_fields=FIELDS, max_part_size=FIELD)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, AssertionError) as error:
        raise Problem(
            422, f"a form that cannot be read ({error})", "Send each picture as a file of the form."
        ) from error
    try:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        return [Sent(await file.read(), file.filename or "") for file in files]
    finally:
        await form.close()


def _of_json(body: bytes, most: int) -> list[Sent]:
    """Of `{"images": [base64, ...]}` or `{"arrays": [rows, ...]}`, or both."""
    helps = 'Send {"images": ["base64", ...]} or {"arrays": [[[0, 255, ...], ...], ...]}.'
    try:
        stored = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(422, f"JSON that cannot be read ({error})", helps) from error
    if not isinstance(stored, dict) or not stored.keys() <= {"images", "arrays"}:
        raise Problem(422, 'expected an object with "images" or "arrays" and nothing else', helps)
    images, arrays = stored.get("images", []), stored.get("arrays", [])
    if not isinstance(images, list) or not isinstance(arrays, list):
        raise Problem(422, '"images" and "arrays" are lists', helps)
    _check_count(len(images) + len(arrays), most)
    return [*(Sent(_decoded(one)) for one in images), *(Sent(_array(one)) for one in arrays)]


def _decoded(text: Any) -> bytes:
    try:
        if not isinstance(text, str):
            raise TypeError("not a text")
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Problem(422, f"an image that is no base64 ({error})", "Send the file's bytes in base64.") from error


def _array(rows: Any) -> np.ndarray:
    """Whole numbers of 0 to 255 are levels of grey, as in a file."""
    try:
        array = np.array(rows, np.float64)  # of texts among numbers it would else make long texts of all
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Problem(422, f"an array that is not of numbers in rows ({error})", f"Send {SHAPE}.") from error
    if array.ndim not in (2, 3):
        raise Problem(422, f"an array of {array.ndim} dimensions; expected rows of numbers", f"Send {SHAPE}.")
    if array.size and array.min() >= 0 and array.max() <= 255 and (array == np.floor(array)).all():
        return array.astype(np.uint8)
    return array


def _of_npy(body: bytes, most: int) -> list[Sent]:
    """A file of numpy's: one picture (height, width), or several (n, height, width)."""
    helps = "Send what numpy.save writes of an array (n, height, width), without objects."
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(stream)
    except Exception as error:
        raise Problem(422, f"no .npy that can be read ({type(error).__name__})", helps) from error
    left = len(body) - stream.tell()
    sides = len(shape) in (2, 3) and all(type(side) is int and side > 0 for side in shape)
    if not sides or dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize != left:
        raise Problem(422, f"no .npy that can be read ({dtype} of shape {shape} in {left:,} bytes)", helps)
    _check_count(shape[0] if len(shape) == 3 else 1, most)
    array = np.frombuffer(body, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
    return [Sent(picture) for picture in ([array] if array.ndim == 2 else array)]
