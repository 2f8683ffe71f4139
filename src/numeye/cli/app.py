"""The command line. Every command imports what it needs when it runs, so that `--help` is quick.

Exit status:
    0: success.
    1: something failed.
    2: wrong usage.
    3: some answer was rejected.
    130: stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from typing import Annotated, NoReturn, TextIO

import typer

from numeye.cli import bench, compare, data, evaluate, explain, models, read, serve, train, usage
from numeye.cli.options import FAILED, USAGE, print_message, print_result
from numeye.errors import NumeyeError, UsageError, first_line, is_out_of_memory

ABOUT = "Read handwritten numbers in pictures; train and measure the networks, and look inside."
OUT_OF_MEMORY = "not enough memory; close other programs, or make the pictures smaller"
WRITE_ERRNOS = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}

app = typer.Typer(
    name="numeye",
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    read.read,
    train.train,
    evaluate.evaluate,
    compare.compare,
    explain.explain,
    serve.serve,
    models.export,
    models.models,
    data.data,
    data.doctor,
):
    app.command()(command)
app.add_typer(bench.app, name="bench")


def run() -> NoReturn:
    """Run the command line; every expected error ends in one line and an exit status."""
    _prepare_streams()
    # Pillow warns about pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        status = usage.run(typer.main.get_command(app), sys.argv[1:])
    except UsageError as error:
        _print_and_exit(error, USAGE)
    except OSError as error:  # a full disk, a folder without permission
        _print_and_exit(_os_error_message(error), FAILED)
    except (MemoryError, SystemError) as error:
        if not is_out_of_memory(error):
            raise
        _print_and_exit(OUT_OF_MEMORY, FAILED)
    except ImportError as error:  # of a library that is damaged, or too large for the memory
        library = error.name or "a library"
        _print_and_exit(
            f"{library} cannot be loaded ({first_line(error)}); install it again", FAILED
        )
    except NumeyeError as error:
        _print_and_exit(error, FAILED)
    sys.exit(status)


def _prepare_streams() -> None:
    """Make the standard streams accept any file name, and replace those that are closed."""
    sys.stdout, sys.stderr = (stream or _null_stream() for stream in (sys.stdout, sys.stderr))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name may have letters that the encoding of a pipe lacks (as on Windows), or any bytes.
        is_terminal = sys.stdout.isatty()
        sys.stdout.reconfigure(
            encoding=None if is_terminal else sys.getfilesystemencoding(),
            errors="backslashreplace" if is_terminal else "surrogateescape",
        )
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _os_error_message(error: OSError) -> str:
    """Return what failed. An error without a name is of standard output: others are named."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    is_output = error.errno in WRITE_ERRNOS
    return f"standard output: cannot be written ({reason})" if is_output else reason


def _print_and_exit(error: object, status: int) -> NoReturn:
    print_message(f"numeye: {error}")
    try:
        sys.stdout.flush()
    except OSError:  # Python would try again at the end, and change the exit status
        sys.stdout = _null_stream()
    sys.exit(status)


def _null_stream() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open until the end


@app.callback(invoke_without_command=True, help=ABOUT)
def main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Print the version, if it is asked for."""
    if version:
        from numeye.models.environment import version as numeye_version

        print_result(f"numeye {numeye_version()}")
        raise typer.Exit
