"""Wrong usage in one line: what Typer reports, and values that are empty."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import typer

from numeye.cli.options import STOPPED, USAGE
from numeye.errors import UsageError

MAY_BE_EMPTY = {"--seeds"}  # no seed: train nothing
# Options that may stand without a value: what they mean then, and the values that they can have.
OPTIONAL_VALUES = {"--date": ("any", {"any", "dmy", "mdy", "ymd"})}
# Typer may bring its own copy of click, whose classes differ from those of an installed click.
_CLICK_ERROR: type[Exception] = typer.BadParameter.__bases__[0]


def run(command: Any, arguments: Sequence[str]) -> int:
    """Run a command of Typer.

    Args:
        command: the command, with its subcommands.
        arguments: the words of the command line after the program's name.

    Returns:
        The exit status.

    Raises:
        UsageError: the arguments are wrong; the message is one line and says what helps.
    """
    arguments = complete_options(arguments)
    check_not_empty(command, arguments)
    try:
        status = command.main(args=list(arguments), prog_name="numeye", standalone_mode=False)
    except _CLICK_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            message = error.format_message()  # type: ignore[attr-defined]
            print(message, file=sys.stderr)  # noqa: T201 - keeps line ends
            return USAGE
        raise UsageError(_one_line_message(error, _command_path(command, arguments))) from error
    except typer.Abort:
        return STOPPED
    return status if isinstance(status, int) else 0


def complete_options(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a value for each option of `OPTIONAL_VALUES` that has none."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    completed = []
    for argument, following in zip_longest(arguments[:end], arguments[1:end]):
        default, values = OPTIONAL_VALUES.get(argument, ("", {following}))
        completed.append(argument if following in values else f"{argument}={default}")
    return [*completed, *arguments[end:]]


def check_not_empty(command: Any, arguments: Sequence[str]) -> None:
    """Check that no option and no argument is an empty text.

    An empty path would mean the current folder, and an empty name the default.

    Raises:
        UsageError: one is empty; the message names it.
    """
    pending_option: str | None = None  # the option whose value comes next
    only_positional = False  # after "--"
    for argument in arguments:
        if pending_option is not None:
            _check_value(pending_option, argument)
            pending_option = None
        elif only_positional or not argument.startswith("-") or argument == "-":
            command = getattr(command, "commands", {}).get(argument) or command
            if not argument:
                raise UsageError(f"{_argument_name(command)} is empty; expected a name")
        elif argument == "--":
            only_positional = True
        else:
            name, has_value, value = argument.partition("=")
            if has_value:
                _check_value(name, value)
            elif _takes_value(command, name):
                pending_option = name


def _check_value(name: str, value: str) -> None:
    if not value and name not in MAY_BE_EMPTY:
        raise UsageError(f"{name} is empty; expected a value, or leave the option out")


def _takes_value(command: Any, name: str) -> bool:
    return any(
        name in parameter.opts and not getattr(parameter, "is_flag", False)
        for parameter in command.params
    )


def _argument_name(command: Any) -> str:
    """Return the name of a command's argument, as its help shows it."""
    if hasattr(command, "commands"):
        return "COMMAND"
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            return str(parameter.metavar or parameter.name).upper()
    return "an argument"


def _one_line_message(error: Any, command: str) -> str:
    """Return Typer's message in the form of all messages: what is wrong, and what helps."""
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message.replace("Input should be", "expected").replace("Value error, ", "")
    message = re.sub(r"a valid integer\b.*|a valid number\b.*", "a number such as 5", message)
    separator = " " if message.endswith("?") else "; "
    return f"{message[:1].lower()}{message[1:]}{separator}see {command} --help"


def _command_path(command: Any, arguments: Sequence[str]) -> str:
    """Return a command with the commands above it, such as `numeye bench read`."""
    path = ["numeye"]
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument)
        if command is None:
            break
        path.append(argument)
    return " ".join(path)
