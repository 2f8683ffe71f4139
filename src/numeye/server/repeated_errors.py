"""The server's log on standard error: the same message at most once a minute, with a count."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TextIO

WINDOW_S = 60.0  # in which the same message is written once
MAX_KNOWN_MESSAGES = 200  # different messages that are remembered
NUMBER = re.compile(r"0x[0-9a-f]+|\d+")

Key = tuple[str, int, str, str]  # logger, level, first line of the message, exception


@dataclass
class _Repetition:
    """A message that was written.

    Attributes:
        written_at_s: When, in seconds of `time.monotonic`.
        count: How often it came again since.
        last_message: Its text when it came last.
    """

    written_at_s: float
    count: int = 0
    last_message: str = ""


class DeduplicatingHandler(logging.StreamHandler[TextIO]):
    """Writes a message once in a window of time; later it writes how often the message came again.

    Two messages are the same if they differ only in numbers and in the message's arguments.

    Args:
        window_s: The window's length in seconds.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        super().__init__()
        self._window_s = window_s
        self._repetitions: OrderedDict[Key, _Repetition] = OrderedDict()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        key, now_s = _make_key(record), time.monotonic()
        self._write_due(now_s)
        repetition = self._repetitions.get(key)
        if repetition is not None and now_s - repetition.written_at_s < self._window_s:
            repetition.count, repetition.last_message = repetition.count + 1, record.getMessage()
            self._start_timer()
            return
        super().emit(record)
        self._repetitions[key] = _Repetition(now_s)
        self._repetitions.move_to_end(key)
        if len(self._repetitions) > MAX_KNOWN_MESSAGES:
            self._write(*self._repetitions.popitem(last=False))

    def close(self) -> None:
        """Write all counts."""
        with self.lock or nullcontext():
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._write_due(math.inf)
        super().close()

    def _write_due(self, now_s: float) -> None:
        """Write the counts of all messages whose window has ended."""
        for key, repetition in self._repetitions.items():
            if repetition.count and now_s - repetition.written_at_s >= self._window_s:
                self._write(key, repetition)
                repetition.written_at_s, repetition.count = now_s, 0

    def _write(self, key: Key, repetition: _Repetition) -> None:
        if repetition.count:
            name, level, *_ = key
            text = f"{repetition.last_message} (repeated {repetition.count:,} times)"
            super().emit(logging.LogRecord(name, level, "", 0, text, None, None))

    def _start_timer(self) -> None:
        """Write the counts when the window ends, also if no other message comes."""
        if self._timer is None:
            self._timer = threading.Timer(self._window_s, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        with self.lock or nullcontext():
            if self._timer is None:
                return  # the handler was closed
            self._timer = None
            self._write_due(time.monotonic())
            if any(repetition.count for repetition in self._repetitions.values()):
                self._start_timer()


def _make_key(record: logging.LogRecord) -> Key:
    exception = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    first_line = str(record.msg).partition("\n")[0]
    return record.name, record.levelno, NUMBER.sub("#", first_line), exception


def configure_logging(level: int = logging.WARNING) -> None:
    """Write the messages of all loggers to standard error, without repeating them."""
    handler = DeduplicatingHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
