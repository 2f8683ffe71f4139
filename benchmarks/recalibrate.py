"""Write the calibration of a packaged model's card again; its ONNX file stays as it is.

Usage: python benchmarks/recalibrate.py recognizer|detector [--cache DIR] [--to DIR]

Needs numeye[train]. `recognizer` (10 minutes on 2 cores): fits probabilities on 40,000 crops of
synthetic paper with MNIST's validation digits, counts errors on the other half, and reads MNIST's
test digits once for the card. `detector` (5 minutes): counts errors on 4,000 strips of digits on
such paper, with the score fusion of its card. These counts depend on the recognizer's card, so the
detector comes second. `numeye export RUN` does the same for a run folder.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numeye import Reader, open_data
from numeye.evaluation.digits import evaluate_digits
from numeye.io import files, mnist
from numeye.io.datasets import validation_name
from numeye.models import environment, registry
from numeye.models.card import Model
from numeye.recognition.score_fusion import ScoreFusion
from numeye.training import export
from numeye.training.calibration import calibrate_digits, calibrate_numbers
from numeye.training.synthetic import fonts
from numeye.training.synthetic.disk_cache import open_pool
from numeye.training.synthetic.generators import make_page_generator
from numeye.training.synthetic.specs import PoolSpec
from numeye.training.tasks.localization import CALIBRATION_CROPS, CALIBRATION_SERIES


def recalibrate(model: Model, cache: Path | None) -> dict[str, Any]:
    """Return the calibration for a model's card, from data that training did not use."""
    writers = model.splits_writers
    if model.task == "detection":
        pages = make_page_generator("validation", cache, writers=writers)
        return calibrate_numbers.calibrate(model.onnx, pages, ScoreFusion.from_card(model))
    pool = open_pool(
        PoolSpec(split="validation", writers=writers, seed=CALIBRATION_SERIES),
        CALIBRATION_CROPS,
        cache,
        progress=print,
    )
    plain = open_data(validation_name(writers=writers), cache=cache)
    return calibrate_digits.calibrate(model.onnx, pool, plain)


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[registry.DEFAULT, registry.DETECTOR])
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--to",
        type=Path,
        default=registry.PACKAGED,
        help="folder of the card (default: the package's)",
    )
    options = parser.parse_args()
    mnist.fetch(options.cache)
    fonts.fetch(options.cache)
    model = registry.load(options.model)
    facts = environment.environment()
    calibrated = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": f"python benchmarks/recalibrate.py {options.model}",
        "source": environment.source_revision(),
        "packages": facts["packages"],
        "processor": facts["processor"],
    }
    card = {**model.card, **recalibrate(model, options.cache), "calibrated": calibrated}
    file = options.to / f"{options.model}.json"
    if options.model == registry.DEFAULT:
        reader = Reader(Model(name=options.model, onnx=model.onnx, card=card), single=True)
        card["accuracy"] = export.accuracy_entry(
            evaluate_digits(reader, open_data("mnist", cache=options.cache))
        )
    files.write_text(file, json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    print(file)


if __name__ == "__main__":
    main()
