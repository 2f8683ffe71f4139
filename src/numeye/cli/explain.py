"""`numeye explain`: the activations of each layer of a network."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli.options import Json, Model, option, print_message, print_result


def explain(
    picture: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="Picture of one digit; - is standard input."),
    ],
    model: Model = None,
    save: Annotated[
        Path | None,
        option("--save", "Save the explanation as a web page (.html) or a picture (.png).", "FILE"),
    ] = None,
    json: Json = False,
) -> None:
    """Show what each layer of a network computes.

    Reads a picture of one digit, and also shows which part of it was important for the answer.
    """
    from numeye.explanation.explainer import explain as explain_picture
    from numeye.explanation.export import check_name
    from numeye.explanation.export import save as save_explanation
    from numeye.io import files

    if save is not None:
        files.check_file(check_name(save))  # before the work
    explanation = explain_picture(picture, model)
    print_result(json_module.dumps(explanation.to_dict()) if json else str(explanation))
    if save is not None:
        print_message(f"saved: {save_explanation(explanation, save)}")
