"""Parses forms with files (multipart/form-data, RFC 7578) without copying the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

BLANK_LINE = b"\r\n\r\n"


@dataclass(frozen=True)
class FormLimits:
    """Limits of a form.

    Attributes:
        fields: Most fields that are not files.
        field_bytes: Most bytes of such a field.
        part_headers: Most headers of a part.
        header_bytes: Most bytes of a part's header.
        boundary_bytes: Most bytes of the boundary between parts.
    """

    fields: int = 16
    field_bytes: int = 1_000
    part_headers: int = 8
    header_bytes: int = 4_224
    boundary_bytes: int = 256

    @property
    def part_head_bytes(self) -> int:
        """Most bytes of all headers of a part."""
        return self.part_headers * self.header_bytes


LIMITS = FormLimits()


class FormError(Exception):
    """A form cannot be parsed."""


def parse_files(content_type: str, body: bytes, max_files: int) -> list[tuple[str, memoryview]]:
    """Return the names and contents of a form's files, in order; other fields are ignored.

    Args:
        content_type: The request's Content-Type, with the boundary.
        body: The request's body.
        max_files: Most files.

    Raises:
        FormError: It is not a form, or has too many parts.
    """
    files: list[tuple[str, memoryview]] = []
    field_count = 0
    for part_head, content in _split_parts(_parse_boundary(content_type), body):
        name = _parse_file_name(part_head)
        if name is not None:
            files.append((name, content))
            if len(files) > max_files:
                raise FormError(f"too many files; expected at most {max_files}")
            continue
        field_count += 1
        if field_count > LIMITS.fields:
            raise FormError(f"too many fields; expected at most {LIMITS.fields}")
        if len(content) > LIMITS.field_bytes:
            raise FormError(f"a field of more than {LIMITS.field_bytes:,} bytes")
    return files


def _parse_boundary(content_type: str) -> bytes:
    _, _, parameter = content_type.partition("boundary=")
    boundary = parameter.partition(";")[0].strip().strip('"').encode("latin-1")
    if not 0 < len(boundary) <= LIMITS.boundary_bytes:
        raise FormError(
            f"a boundary of {len(boundary)} bytes; expected 1 to {LIMITS.boundary_bytes}"
        )
    return b"--" + boundary


def _split_parts(boundary: bytes, body: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the headers and the content of each complete part."""
    view, separator = memoryview(body), b"\r\n" + boundary
    start = 0 if body.startswith(boundary) else _find_separator(separator, body, 0) + 2
    if start == 1:  # it was not found
        raise FormError("the body does not contain the boundary")
    while True:
        start += len(boundary)
        if body[start : start + 2] == b"--":
            return
        if body[start : start + 2] != b"\r\n":
            raise FormError("a boundary does not end its line")
        # A part may have no headers: then its blank line follows at once.
        blank = body.find(BLANK_LINE, start, start + LIMITS.part_head_bytes)
        end = -1 if blank < 0 else _find_separator(separator, body, blank + len(BLANK_LINE))
        if blank < 0 and len(body) > start + LIMITS.part_head_bytes:
            raise FormError("the headers of a part are too long")
        if end < 0:  # the last part is incomplete
            return
        yield body[start + 2 : blank], view[blank + len(BLANK_LINE) : end]
        start = end + 2


def _find_separator(separator: bytes, body: bytes, position: int) -> int:
    """Return the position of the next separator that ends its line, or -1."""
    while (position := body.find(separator, position)) >= 0:
        end = position + len(separator)
        if body[end : end + 2] in (b"\r\n", b"--"):
            break
        position += 1
    return position


def _parse_file_name(part_head: bytes) -> str | None:
    """Return the name of a part's file, or None if the part is a field."""
    lines = part_head.split(b"\r\n")
    if len(lines) > LIMITS.part_headers or any(len(line) > LIMITS.header_bytes for line in lines):
        raise FormError(
            f"a part has more than {LIMITS.part_headers} headers, or one of more than"
            f" {LIMITS.header_bytes:,} bytes"
        )
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            _, options = parse_options_header(value.strip())
            if b"name" not in options:
                break
            return _decode_name(options[b"filename"]) if b"filename" in options else None
    raise FormError('a part has no Content-Disposition: form-data; name="..."')


def _decode_name(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
