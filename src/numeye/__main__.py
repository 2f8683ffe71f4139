"""`python -m numeye` and the command `numeye`.

Ctrl-C exits with status 130 at any moment. Before the command line runs, after it, and while a
module is imported, the process ends at once: a `KeyboardInterrupt` there would be printed, or
mistaken for another error.
"""

from __future__ import annotations

# The built-in module behind `signal`: it is present without an import of anything else.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

STOPPED = 130  # exit status
_IMPORT_FILE = "<frozen importlib._bootstrap>"  # of Python's own frames during an import
_SHOW_CURSOR_SEQUENCE = b"\x1b[?25h"  # a progress bar hides the cursor


class InterruptHandler:
    """Handles Ctrl-C: the first raises `KeyboardInterrupt` where that is safe, others exit.

    Attributes:
        interruptible_code: the code of the function that may be interrupted; None before it runs.
    """

    def __init__(self) -> None:
        self.interruptible_code: CodeType | None = None
        self._interrupted = False

    def install(self) -> None:
        """Replace Python's own handler; if Ctrl-C is ignored, it stays ignored."""
        is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        is_child = "--multiprocessing-fork" in sys.orig_argv  # its parent handles Ctrl-C
        if not is_ignored and not is_child:
            signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _: int, frame: FrameType | None) -> None:
        if self._interrupted or not self._is_safe(frame):
            end_at_once()
        self._interrupted = True
        raise KeyboardInterrupt

    def _is_safe(self, frame: FrameType | None) -> bool:
        """Return whether a frame is within the interruptible code, and within no import."""
        is_safe = False
        while frame is not None:
            if frame.f_code.co_filename == _IMPORT_FILE:
                return False
            is_safe = is_safe or frame.f_code is self.interruptible_code
            frame = frame.f_back
        return is_safe


def end_at_once() -> None:
    """Exit without waiting for threads.

    That loses nothing: answers are flushed, and files are written completely or not at all.
    """
    try:
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR_SEQUENCE)
    finally:
        os._exit(STOPPED)


interrupt_handler = InterruptHandler()
interrupt_handler.install()  # before anything else is imported


def main() -> None:
    """Run the command line."""
    from numeye.cli.app import run

    interrupt_handler.interruptible_code = run.__code__
    try:
        run()
    except KeyboardInterrupt:
        end_at_once()


if __name__ == "__main__":
    main()
