"""Write docs/evidence.md, with the report and figures of a finished study beside it.

Usage: python benchmarks/evidence_page.py [runs/evidence]

`numeye compare` runs the study; `make evidence` does both.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
CAPTIONS = {  # of the figures on the page
    "comparison": "Accuracy on MNIST's test digits, the best model on top.",
    "displacement": (
        "Accuracy on digits that were shifted, turned and resized; none was in training."
    ),
    "few": "Accuracy by the number of digits learnt from.",
    "ideals": "Pictures that units answer to most, by gradient ascent.",
    "embedding": "t-SNE of test digits by what each layer says.",
    "corruptions": "Fifteen corruptions, the same three digits each.",
}
HEAD = """# Evidence

The project began with three claims about convolutional networks (CNNs): that they learn to read
digits from raw pixels, that they beat traditional models because they understand spatial structure,
and that their layers learn edges, shapes and digits. `numeye compare` tests these claims and others
that people often make; negative results are kept. The same command writes [the whole
report](evidence/report.html), with methods, tables and all figures, and [its
numbers](evidence/numbers.json) as JSON.

The CNN is the textbook network `classic` with the weights of its last epoch, in trainings of the
study's own. So its figures differ slightly from those of the packaged `classic`.

*Shown*: the measurements support the claim, by 95 % intervals or paired tests, or by the bound that
the text names. *In part*: some of several measurements do. *Not shown*: none does, or they show the
opposite.
"""

MNIST = "Pictures of digits are MNIST's: LeCun, Cortes, Burges, CC BY-SA 3.0."


def render_page(numbers: dict[str, Any]) -> str:
    """Return the page for the numbers of a study."""
    study = numbers["asked"]
    scale = study["scale"]
    machine = f"{study['made']['processor']}, {study['made']['cores']} cores"
    conditions = (
        f"Scale `{scale['name']}`: {scale['train']:,} digits to learn from, {scale['test']:,} test"
        f" digits, {scale['seeds']} seeds from {study['seed']}; made on {machine}."
    )
    rows = [
        f"| **{finding['verdict']}** | {finding['claim']} | {finding['text']} |"
        for finding in numbers["findings"]
    ]
    figures = [f"![{text}](evidence/{name}.svg)\n\n*{text}*\n" for name, text in CAPTIONS.items()]
    return "\n".join(
        [
            HEAD,
            conditions,
            MNIST,
            "",
            "| Verdict | Claim | What was found |",
            "|---|---|---|",
            *rows,
            "",
            *figures,
        ]
    )


def main() -> None:
    """Write the page and copy its files."""
    study = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/evidence")
    if not (study / "numbers.json").exists():
        raise SystemExit(
            f"evidence_page.py: {study}: expected a finished study; numeye compare runs one"
        )
    target = DOCS / "evidence"
    target.mkdir(exist_ok=True)
    shutil.copyfile(study / "index.html", target / "report.html")
    shutil.copyfile(study / "numbers.json", target / "numbers.json")
    for name in CAPTIONS:
        shutil.copyfile(study / "figures" / f"{name}.svg", target / f"{name}.svg")
    text = render_page(json.loads((study / "numbers.json").read_text(encoding="utf-8")))
    (DOCS / "evidence.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
