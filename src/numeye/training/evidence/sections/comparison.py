"""Section 1: convolutions against traditional models."""

from __future__ import annotations

from typing import Any

import numpy as np

from numeye import metrics
from numeye.training.evidence import figures, questions
from numeye.training.evidence.document import Figure, Finding, Measure, Section, Table, duration, p_value, verdict
from numeye.training.evidence.failures import READER
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, MLP, TITLES, chosen, result_name, seeds_of

ALPHA = 0.05


def measured(study: Study, name: str, question: str) -> Measure:
    """A model's accuracy in percent: over its seeds, or over the digits where there is one training."""
    rights = [questions.right(study, study[result_name(name, seed)], question) for seed in seeds_of(study, name)]
    if len(rights) == 1:
        return Measure.of_digits(rights[0])
    return Measure.of_seeds([float(right.mean() * 100) for right in rights])


def section(study: Study) -> Section:
    """The comparison on test digits and, where asked for, on real pictures."""
    accuracy = {name: measured(study, name, "test") for name in TITLES}
    order = sorted(TITLES, key=lambda name: -accuracy[name].value)
    tests = _tests(study)
    parts: list[Table | Figure] = [_figure(accuracy, order, study), _table(study, accuracy, order, tests)]
    if study.wild is not None:
        parts.append(_wild(study, order))
    return Section(
        title="A network of convolutions against traditional models",
        question="Do convolutional networks read digits better than models that are given the same pixels?",
        method=(
            f"Seven traditional models and the network of the recipe classic learn from the same {study.scale.train:,} "
            "digits of MNIST's train. Settings of all but the CNN, which has those of its recipe, are chosen by "
            f"digits held back, from {study.scale.search:,} digits; each model then answers the {study.scale.test:,} "
            "test digits once. Models without chance are trained once and have a bootstrap interval over the digits; "
            "the others have an interval over seeds (Student's t). McNemar's exact test pairs each with the CNN, both "
            f"of the first seed, and Holm's correction is for {len(tests)} tests."
        ),
        findings=[_finding(accuracy, tests), _no_wild() if study.wild is None else _wild_finding(study)],
        parts=parts,
        numbers=_numbers(study, accuracy, tests),
    )


def _tests(study: Study) -> dict[str, tuple[int, int, float]]:
    """Against the CNN: where it alone is right, where the other alone is, and the p value, corrected."""
    first = study.seeds[0]
    best = questions.right(study, study[result_name(CNN, first)], "test")
    others = [name for name in TITLES if name != CNN]
    found = [metrics.mcnemar(best, questions.right(study, study[result_name(n, first)], "test")) for n in others]
    corrected = metrics.holm([p for _, _, p in found])
    return {name: (one, other, p) for name, (one, other, _), p in zip(others, found, corrected, strict=True)}


def _finding(accuracy: dict[str, Measure], tests: dict[str, tuple[int, int, float]]) -> Finding:
    """By two yardsticks: one training of each on the same digits, and all trainings of the CNN against the others."""
    tested = [name for name, (cnn, other, p) in tests.items() if p < ALPHA and cnn > other]
    plainly = [name for name in tested if accuracy[CNN].low > accuracy[name].value]
    best = max(tests, key=lambda name: accuracy[name].value)
    counts = tests[best]
    return Finding(
        claim="CNNs outperform traditional models",
        verdict=verdict(len(plainly), len(tests)),
        text=(
            f"The CNN reads {accuracy[CNN]} % of the test digits. By McNemar's test of the first seeds (corrected, p "
            f"below {ALPHA:g}) it is ahead of {len(tested)} of {len(tests)} models; of {len(plainly)} of these its "
            "interval over seeds lies above their accuracy, too, as the claim asks. The best of the others, "
            f"{TITLES[best]}, reads {accuracy[best]} %: the CNN alone is right on {counts[0]} digits, the other alone "
            f"on {counts[1]} ({p_value(counts[2])}). With features made by hand, HOG and a linear SVM, it is "
            f"{accuracy['hog']} %; a network of as many parameters without convolutions reads {accuracy[MLP]} %."
        ),
    )


def _wild_finding(study: Study) -> Finding:
    sets = questions.wild_sets(study)
    means = {name: sum(measured(study, name, f"wild/{s}").value for s in sets) / len(sets) for name in TITLES}
    best = max((name for name in TITLES if name != CNN), key=means.__getitem__)
    ahead = [s for s in sets if _ahead(study, best, f"wild/{s}").low > 0]
    return Finding(
        claim="The lead holds on real pictures",
        verdict=verdict(len(ahead), len(sets)),
        text=(
            f"Over {len(sets)} sets of real pictures, laid into MNIST's frame, the CNN reads {means[CNN]:.1f} % on "
            f"average, the best of the others ({TITLES[best]}) {means[best]:.1f} %; the CNN is ahead of it beyond "
            f"chance on {len(ahead)} of the sets (bootstrap over the same pictures, means over seeds)."
        ),
    )


def _ahead(study: Study, name: str, question: str) -> Measure:
    """By how many points the CNN is ahead of a model on the same pictures, each by its mean over seeds."""
    shares = {
        n: np.mean([questions.right(study, study[result_name(n, s)], question) for s in seeds_of(study, n)], axis=0)
        for n in (CNN, name)
    }
    return Measure.of_values((shares[CNN] - shares[name]) * 100)


def _no_wild() -> Finding:
    return Finding(
        claim="The lead holds on real pictures",
        verdict="not measured",
        text="Not measured: this study was made without --wild DIR, a folder with data sets of real pictures.",
    )


def _figure(accuracy: dict[str, Measure], order: list[str], study: Study) -> Figure:
    drawing, axes = figures.canvas(height=3.2)
    figures.dots(axes, {TITLES[name]: accuracy[name] for name in order})
    axes.set_xlabel(f"right of {study.scale.test:,} test digits (%)")
    best, worst = TITLES[order[0]], TITLES[order[-1]]
    return Figure(
        name="comparison",
        svg=figures.to_svg(drawing),
        alt=f"A dot with its interval for each of {len(order)} models; {best} reads most digits, {worst} fewest.",
        caption=(
            "Accuracy on MNIST's test digits, the best model on top; 95 % intervals over seeds (forest, MLP, CNN), "
            "else over digits."
        ),
    )


def _table(
    study: Study, accuracy: dict[str, Measure], order: list[str], tests: dict[str, tuple[int, int, float]]
) -> Table:
    rows = []
    for name in order:
        facts = study[result_name(name, study.seeds[0])].facts
        test = f"{tests[name][0]} : {tests[name][1]}, {p_value(tests[name][2])}" if name in tests else "-"
        rows.append(
            [TITLES[name], f"{accuracy[name]} %", test, _setting(study, name), duration(facts["seconds"]),
             f"{facts['milliseconds']:.3f} ms", f"{facts['bytes'] / 1e6:.2f} MB"]
        )  # fmt: skip
    return Table(
        caption=(
            f"{study.scale.test:,} test digits. Right alone: CNN : model. Times are those of the first seed, on the "
            "machine named below, on one thread while another step ran beside it; reading is 500 digits at once."
        ),
        head=["model", "accuracy", "right alone", "setting chosen", "training", "a digit", "size"],
        rows=rows,
    )


def _setting(study: Study, name: str) -> str:
    if name == CNN:
        return "of the recipe"
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in chosen(study, name).items())


def _wild(study: Study, order: list[str]) -> Table:
    sets = questions.wild_sets(study)
    rows = [[TITLES[n], *[f"{measured(study, n, f'wild/{s}')} %" for s in sets]] for n in order]
    reader = study[READER]
    right = [Measure.of_digits(questions.right(study, reader, f"wild/{name}")) for name in sets]
    rows.append(["the packaged reader, pictures as they are", *[f"{measure} %" for measure in right]])
    return Table(
        caption=(
            "Real pictures that no model learnt from, laid into MNIST's frame by classical means; the packaged reader "
            "sees the pictures themselves."
        ),
        head=["model", *sets],
        rows=rows,
    )


def _numbers(study: Study, accuracy: dict[str, Measure], tests: dict[str, tuple[int, int, float]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, measure in accuracy.items():
        facts = study[result_name(name, study.seeds[0])].facts
        found[name] = {
            "accuracy": measure.to_json(),
            "mcnemar": dict(zip(("cnn_alone", "model_alone", "p"), tests[name], strict=True))
            if name in tests
            else None,
            "seconds": facts["seconds"],
            "milliseconds": facts["milliseconds"],
            "bytes": facts["bytes"],
            "wild": {s: measured(study, name, f"wild/{s}").to_json() for s in questions.wild_sets(study)},
        }
    return found
