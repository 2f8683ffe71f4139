"""Read pictures with RapidOCR, in an environment of its own.

Usage: PYTHON benchmarks/rapidocr_worker.py line|digits|page

It writes one line of JSON with its name and size, then reads the path of one picture a line and
writes one line of JSON for each:

- `line`: the text of the whole picture as one line, by the default recognition network;
- `digits`: the same network, which may answer digits and nothing else: at each step the
  probabilities of all other characters are set to zero;
- `page`: the default call, which detects the lines first; a list of texts, each with the corners of
  its box.

PYTHON is the interpreter of an environment that was made by `python -m venv .venv-rapidocr` and
`.venv-rapidocr/bin/pip install rapidocr onnxruntime`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

OUT, sys.stdout = sys.stdout, sys.stderr  # the library prints on the second


def say(**answer: Any) -> None:
    """Write one line of JSON."""
    print(json.dumps(answer), file=OUT, flush=True)


def make_engine() -> Any:
    """Return RapidOCR with its default settings, silent."""
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "error"})


def allow_digits_only(engine: Any) -> None:
    """Set what is neither a digit nor CTC's blank to zero before the best path is taken."""
    import numpy as np

    engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=False)  # loads the network
    decode = engine.text_rec.postprocess_op
    allowed = np.array([c in {"blank", *"0123456789"} for c in decode.character])

    def decode_digits(probabilities: np.ndarray, *values: Any, **options: Any) -> Any:
        return decode(np.where(allowed, probabilities, 0), *values, **options)

    engine.text_rec.postprocess_op = decode_digits


def read_line(engine: Any, path: str) -> str:
    """Return the text of a picture of one line."""
    return "".join(engine(path, use_det=False, use_cls=False).txts or ())


def read_page(engine: Any, path: str) -> list[tuple[list[list[float]], str]]:
    """Return corners and text of each line that is found on a page."""
    answer = engine(path)
    if answer.boxes is None or answer.txts is None:
        return []
    return [(box.tolist(), text) for box, text in zip(answer.boxes, answer.txts, strict=True)]


def serve(mode: str) -> None:
    """Answer the paths on standard input."""
    from importlib.metadata import version

    from install_size import light_closure, size_mb

    engine = make_engine()
    if mode == "digits":
        allow_digits_only(engine)
    read: Callable[[Any, str], Any] = read_page if mode == "page" else read_line
    model = f"{engine.cfg.Rec.ocr_version.value} {engine.cfg.Rec.model_type.value}"
    only = ", digits only" if mode == "digits" else ""
    megabytes = sum(map(size_mb, light_closure("rapidocr") | light_closure("onnxruntime")))
    say(name=f"RapidOCR {version('rapidocr')}, {model}{only}", megabytes=f"{megabytes:.0f}")
    for line in sys.stdin:
        started = time.perf_counter()
        answer = read(engine, line.rstrip("\n"))
        say(answer=answer, seconds=time.perf_counter() - started)


if __name__ == "__main__":
    try:
        serve(sys.argv[1])
    except ModuleNotFoundError as error:
        say(error=f"not installed: pip install rapidocr onnxruntime ({error})")
    except Exception as error:  # noqa: BLE001 - whatever it is, the benchmark shows it as one line
        say(error=f"failed: {type(error).__name__}: {error}".splitlines()[0])
