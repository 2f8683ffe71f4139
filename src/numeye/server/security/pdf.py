"""Renders PDFs and large pictures in a separate process with limited memory and time.

What a PDF takes is known only when it is rendered.

`python -m numeye.server.security.pdf PIXELS` reads a PDF or a picture from standard input. It
writes each page as a line of JSON and the page's pixels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import numpy as np

from numeye.errors import MissingExtra, PictureError
from numeye.io import images
from numeye.io.images import Page

MAX_MEMORY_BYTES = 1 << 30  # of address space; one page of 50 megapixels takes half of it
MAX_CPU_S = 60  # of one core, for all pages


def render_pages(content: bytes | memoryview, max_pixels: int) -> Iterator[Page]:
    """Yield the pages of a file, as `numeye.io.images.pages` does.

    Args:
        content: The file's bytes.
        max_pixels: Most pixels of a page.

    Raises:
        PictureError: The file cannot be read, or takes too much memory or time.
    """
    command = [sys.executable, "-P", "-m", __name__, str(max_pixels)]
    # One thread, because each takes a part of the memory.
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        # Ctrl-C in a terminal ends the server, which finishes the requests that it accepted.
        start_new_session=True,
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            _write_input(process.stdin, content)
            yield from _read_pages(process.stdout)
        finally:
            process.kill()  # also if the caller wants no more pages


def _write_input(stream: IO[bytes], content: bytes | memoryview) -> None:
    with suppress(BrokenPipeError):  # the process ended early; `_read_pages` notices that
        stream.write(content)
        stream.close()


def _read_pages(stream: IO[bytes]) -> Iterator[Page]:
    while line := stream.readline():
        header = json.loads(line)
        if "end" in header:
            return
        if "error" in header:
            raise PictureError(header["error"])
        height, width = header["shape"]
        grey = np.frombuffer(stream.read(height * width), np.uint8)
        if grey.size < height * width:
            break
        yield Page(name="", index=header["index"], grey=grey.reshape(height, width).copy())
    raise PictureError(
        "the bytes: rendering takes too much memory or time; send a smaller picture, or the pages"
        " of a PDF as pictures"
    )


def _limit_resources() -> None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limits
        return
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_CPU: MAX_CPU_S,
        resource.RLIMIT_CORE: 0,
    }
    for limit, max_value in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (max_value, max_value))


def _render(max_pixels: int) -> None:
    content, stdout = sys.stdin.buffer.read(), sys.stdout.buffer
    try:
        for page in images.pages(content, max_pixels=max_pixels):
            header = {"index": page.index, "shape": page.grey.shape}
            stdout.write(json.dumps(header).encode() + b"\n")
            stdout.write(page.grey.tobytes())
            stdout.flush()
        last: dict[str, object] = {"end": True}
    except (PictureError, MissingExtra) as error:
        last = {"error": str(error)}
    stdout.write(json.dumps(last).encode() + b"\n")


if __name__ == "__main__":
    _limit_resources()
    _render(int(sys.argv[1]))
