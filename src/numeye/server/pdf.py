"""Pages of a PDF, drawn by a process of its own: what a small PDF takes to draw is known only when it is drawn.

`python -m numeye.server.pdf PIXELS` draws the PDF on its standard input. Each page comes out as a line of JSON and its
pixels.
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

from numeye import image
from numeye.errors import MissingExtra, PictureError
from numeye.image import Page

MEMORY = 1 << 30  # bytes of address space; one page of 50 megapixels takes half of it
SECONDS = 60  # of a core, for all pages


def pages(content: bytes, max_pixels: int) -> Iterator[Page]:
    """As `numeye.image.pages` yields them.

    Raises:
        PictureError: it cannot be read, or takes too much memory or time.
    """
    command = [sys.executable, "-P", "-m", __name__, str(max_pixels)]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each thread would take of the memory
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        start_new_session=True,  # Ctrl-C in a terminal ends the server, which finishes what it took
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            _send(process.stdin, content)
            yield from _received(process.stdout)
        finally:
            process.kill()  # also where no more pages are wanted


def _send(to: IO[bytes], content: bytes) -> None:
    with suppress(BrokenPipeError):  # it ended early; that it says nothing tells all
        to.write(content)
        to.close()


def _received(stream: IO[bytes]) -> Iterator[Page]:
    while line := stream.readline():
        told = json.loads(line)
        if "end" in told:
            return
        if "error" in told:
            raise PictureError(told["error"])
        height, width = told["shape"]
        grey = np.frombuffer(stream.read(height * width), np.uint8)
        if grey.size < height * width:
            break
        yield Page(name="", index=told["index"], grey=grey.reshape(height, width).copy())
    raise PictureError("the bytes: a PDF that takes too much memory or time to draw; send its pages as pictures")


def _limit() -> None:
    """Where the system can."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    limits = {resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CPU: SECONDS, resource.RLIMIT_CORE: 0}
    for limit, most in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def _draw(max_pixels: int) -> None:
    content, out = sys.stdin.buffer.read(), sys.stdout.buffer
    try:
        for page in image.pages(content, max_pixels=max_pixels):
            out.write(json.dumps({"index": page.index, "shape": page.grey.shape}).encode() + b"\n")
            out.write(page.grey.tobytes())
            out.flush()
        last: dict[str, object] = {"end": True}
    except (PictureError, MissingExtra) as error:
        last = {"error": str(error)}
    out.write(json.dumps(last).encode() + b"\n")


if __name__ == "__main__":
    _limit()
    _draw(int(sys.argv[1]))
