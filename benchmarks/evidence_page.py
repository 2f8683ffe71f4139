"""Write docs/evidence.md, and the report and figures beside it, from a study that is done.

Usage: python benchmarks/evidence_page.py [runs/evidence]   (`numeye compare` makes it; `make evidence` does both)
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
SHOWN = {  # figures of the page, and what they are of
    "comparison": "Accuracy on MNIST's test digits, the best model on top.",
    "displacement": "Accuracy on digits that were shifted, turned and resized; none was in training.",
    "few": "Accuracy by the number of digits learnt from.",
    "ideals": "Pictures that units answer to most, by gradient ascent.",
    "embedding": "t-SNE of test digits by what each layer says.",
    "corruptions": "Fifteen corruptions, the same three digits each.",
}
HEAD = """# The evidence

The project was begun with three claims: that a network of convolutions learns to read digits from raw pixels, that it
beats traditional models because it understands spatial structure, and that its layers learn edges, shapes, digits.
`numeye compare` tests them, and some others that are often made of such networks; negative results are kept.
[The whole report](evidence/report.html), with methods, tables and all figures, is written by that one command, and
[its numbers](evidence/numbers.json) as JSON.

*Shown*: what was measured bears the claim out, by 95 % intervals or paired tests, or by the bound that the text names.
*In part*: some of several measurements do. *Not shown*: none does, or they show the opposite.
"""

MNIST = "Pictures of digits are MNIST's: LeCun, Cortes, Burges, CC BY-SA 3.0."


def page(found: dict[str, Any]) -> str:
    """The page of a study's numbers."""
    scale = found["asked"]["scale"]
    machine = f"{found['asked']['made']['processor']}, {found['asked']['made']['cores']} cores"
    made = (
        f"Scale `{scale['name']}`: {scale['train']:,} digits to learn from, {scale['test']:,} test digits, "
        f"{scale['seeds']} seeds from {found['asked']['seed']}; made on {machine}."
    )
    rows = [f"| **{one['verdict']}** | {one['claim']} | {one['text']} |" for one in found["findings"]]
    figures = [f"![{text}](evidence/{name}.svg)\n\n*{text}*\n" for name, text in SHOWN.items()]
    return "\n".join(
        [HEAD, made, MNIST, "", "| Verdict | Claim | What was found |", "|---|---|---|", *rows, "", *figures]
    )


def main() -> None:
    """Write it."""
    study = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/evidence")
    if not (study / "numbers.json").exists():
        raise SystemExit(f"evidence_page.py: {study}: no study that is done; numeye compare makes one")
    kept = DOCS / "evidence"
    kept.mkdir(exist_ok=True)
    shutil.copyfile(study / "index.html", kept / "report.html")
    shutil.copyfile(study / "numbers.json", kept / "numbers.json")
    for name in SHOWN:
        shutil.copyfile(study / "figures" / f"{name}.svg", kept / f"{name}.svg")
    text = page(json.loads((study / "numbers.json").read_text(encoding="utf-8")))
    (DOCS / "evidence.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
