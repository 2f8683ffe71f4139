"""Section 1: the CNN against traditional models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.study import figures
from numeye.study.experiments import test_sets
from numeye.study.experiments.failures import PACKAGED_STEP
from numeye.study.experiments.traditional import (
    CNN,
    MLP,
    TITLES,
    chosen_setting,
    seeds_of,
    training_step,
)
from numeye.study.measures import Measure, holm, mcnemar
from numeye.study.report_elements import (
    Figure,
    Finding,
    Section,
    Table,
    format_duration,
    format_p_value,
    verdict_of,
)
from numeye.study.steps import Study

if TYPE_CHECKING:
    from jaxtyping import Float64

ALPHA = 0.05  # level of significance
Tests = dict[str, tuple[int, int, float]]


def accuracy_of(study: Study, name: str, test_set: str) -> Measure:
    """Return a model's accuracy on a test set in percent.

    The interval is over seeds, or over digits if the model was trained once.
    """
    right_by_seed = [
        test_sets.is_right(study, study[training_step(name, seed)], test_set)
        for seed in seeds_of(study, name)
    ]
    if len(right_by_seed) == 1:
        return Measure.of_digits(right_by_seed[0])
    return Measure.of_seeds([float(right.mean() * 100) for right in right_by_seed])


def section(study: Study) -> Section:
    """Compare all models on the test digits and, with `--wild`, on real pictures."""
    accuracy = {name: accuracy_of(study, name, "test") for name in TITLES}
    order = sorted(TITLES, key=lambda name: -accuracy[name].value)
    tests = _paired_tests(study)
    parts: list[Table | Figure] = [
        _figure(accuracy, order, study),
        _table(study, accuracy, order, tests),
    ]
    if study.wild is not None:
        parts.append(_wild_table(study, order))
    return Section(
        title="A network of convolutions against traditional models",
        question=(
            "Do convolutional networks read digits better than models that are given the same"
            " pixels?"
        ),
        method=(
            "Seven traditional models and the network of the recipe classic learn from the same"
            f" {study.scale.train:,} digits of MNIST's train. Settings of all but the CNN, which"
            f" has those of its recipe, are chosen by digits held back, from {study.scale.search:,}"
            f" digits; each model then answers the {study.scale.test:,} test digits once. Models"
            " without chance are trained once and have a bootstrap interval over the digits; the"
            " others have an interval over seeds (Student's t). McNemar's exact test pairs each"
            f" with the CNN, both of the first seed, and Holm's correction is for {len(tests)}"
            " tests."
        ),
        findings=[
            _finding(accuracy, tests),
            _no_wild_finding() if study.wild is None else _wild_finding(study),
        ],
        parts=parts,
        numbers=_numbers(study, accuracy, tests),
    )


def _paired_tests(study: Study) -> Tests:
    """Test each model against the CNN with McNemar's test.

    Returns:
        For each model, on how many digits only the CNN is right, on how many only the model, and
        the corrected p value.
    """
    first = study.seeds[0]
    cnn_right = test_sets.is_right(study, study[training_step(CNN, first)], "test")
    others = [name for name in TITLES if name != CNN]
    results = [
        mcnemar(cnn_right, test_sets.is_right(study, study[training_step(name, first)], "test"))
        for name in others
    ]
    p_values = holm([p for _, _, p in results])
    return {
        name: (cnn_alone, other_alone, p)
        for name, (cnn_alone, other_alone, _), p in zip(others, results, p_values, strict=True)
    }


def _finding(accuracy: dict[str, Measure], tests: Tests) -> Finding:
    """Return whether the CNN is better by both the paired test and its interval over seeds."""
    significant = [name for name, (cnn, other, p) in tests.items() if p < ALPHA and cnn > other]
    clear = [name for name in significant if accuracy[CNN].low > accuracy[name].value]
    best = max(tests, key=lambda name: accuracy[name].value)
    counts = tests[best]
    return Finding(
        claim="CNNs outperform traditional models",
        verdict=verdict_of(len(clear), len(tests)),
        text=(
            f"The CNN reads {accuracy[CNN]} % of the test digits. By McNemar's test of the first"
            f" seeds (corrected, p below {ALPHA:g}) it is ahead of {len(significant)} of"
            f" {len(tests)} models; of {len(clear)} of these its interval over seeds lies above"
            f" their accuracy, too, as the claim asks. The best of the others, {TITLES[best]},"
            f" reads {accuracy[best]} %: the CNN alone is right on {counts[0]} digits, the other"
            f" alone on {counts[1]} ({format_p_value(counts[2])}). With features made by hand, HOG"
            f" and a linear SVM, it is {accuracy['hog']} %; a network of as many parameters without"
            f" convolutions reads {accuracy[MLP]} %."
        ),
    )


def _wild_finding(study: Study) -> Finding:
    sets = test_sets.wild_names(study)
    means = {
        name: sum(accuracy_of(study, name, f"wild/{s}").value for s in sets) / len(sets)
        for name in TITLES
    }
    best = max((name for name in TITLES if name != CNN), key=means.__getitem__)
    ahead = [s for s in sets if _lead(study, best, f"wild/{s}").low > 0]
    return Finding(
        claim="The lead holds on real pictures",
        verdict=verdict_of(len(ahead), len(sets)),
        text=(
            f"Over {len(sets)} sets of real pictures, laid into MNIST's frame, the CNN reads"
            f" {means[CNN]:.1f} % on average, the best of the others ({TITLES[best]})"
            f" {means[best]:.1f} %; the CNN is ahead of it beyond chance on {len(ahead)} of the"
            " sets (bootstrap over the same pictures, means over seeds)."
        ),
    )


def _lead(study: Study, name: str, test_set: str) -> Measure:
    """Return by how many points the CNN is ahead of a model on the same pictures."""
    shares = mean_right(study, CNN, [test_set]) - mean_right(study, name, [test_set])
    return Measure.of_values(shares * 100)


def mean_right(study: Study, name: str, sets: Sequence[str]) -> Float64[np.ndarray, " n"]:
    """Return for each picture how often a model is right, 0 to 1.

    Args:
        study: that the model belongs to.
        name: of the model; the mean is over its seeds.
        sets: test sets that show the same pictures; the mean is over these, too.
    """
    results = [study[training_step(name, seed)] for seed in seeds_of(study, name)]
    shares: np.ndarray = np.mean(
        [test_sets.is_right(study, result, test_set) for result in results for test_set in sets],
        axis=0,
    )
    return shares


def _no_wild_finding() -> Finding:
    return Finding(
        claim="The lead holds on real pictures",
        verdict="not measured",
        text=(
            "Not measured: this study was made without --wild DIR, a folder with data sets of real"
            " pictures."
        ),
    )


def _figure(accuracy: dict[str, Measure], order: list[str], study: Study) -> Figure:
    drawing, axes = figures.new_figure(height=3.2)
    figures.draw_dots(axes, {TITLES[name]: accuracy[name] for name in order})
    axes.set_xlabel(f"right of {study.scale.test:,} test digits (%)")
    best, worst = TITLES[order[0]], TITLES[order[-1]]
    return Figure(
        name="comparison",
        svg=figures.to_svg(drawing),
        alt=(
            f"A dot with its interval for each of {len(order)} models; {best} reads most digits,"
            f" {worst} fewest."
        ),
        caption=(
            "Accuracy on MNIST's test digits, the best model on top; 95 % intervals over seeds"
            " (forest, MLP, CNN), else over digits."
        ),
    )


def _table(
    study: Study,
    accuracy: dict[str, Measure],
    order: list[str],
    tests: Tests,
) -> Table:
    rows = []
    for name in order:
        facts = study[training_step(name, study.seeds[0])].facts
        test = (
            f"{tests[name][0]} : {tests[name][1]}, {format_p_value(tests[name][2])}"
            if name in tests
            else "-"
        )
        rows.append(
            [
                TITLES[name],
                f"{accuracy[name]} %",
                test,
                _setting(study, name),
                format_duration(facts["seconds"]),
                f"{facts['milliseconds']:.3f} ms",
                f"{facts['bytes'] / 1e6:.2f} MB",
            ]
        )
    return Table(
        caption=(
            f"{study.scale.test:,} test digits. Right alone: CNN : model. Times are those of the"
            " first seed, on the machine named below, on one thread while another step ran beside"
            " it; reading is 500 digits at once."
        ),
        head=["model", "accuracy", "right alone", "setting chosen", "training", "a digit", "size"],
        rows=rows,
    )


def _setting(study: Study, name: str) -> str:
    if name == CNN:
        return "of the recipe"
    return ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in chosen_setting(study, name).items()
    )


def _wild_table(study: Study, order: list[str]) -> Table:
    sets = test_sets.wild_names(study)
    rows = [[TITLES[n], *[f"{accuracy_of(study, n, f'wild/{s}')} %" for s in sets]] for n in order]
    packaged = study[PACKAGED_STEP]
    right = [
        Measure.of_digits(test_sets.is_right(study, packaged, f"wild/{name}")) for name in sets
    ]
    rows.append(
        ["the packaged reader, pictures as they are", *[f"{measure} %" for measure in right]]
    )
    return Table(
        caption=(
            "Real pictures that no model learnt from, laid into MNIST's frame by classical means;"
            " the packaged reader sees the pictures themselves."
        ),
        head=["model", *sets],
        rows=rows,
    )


def _numbers(study: Study, accuracy: dict[str, Measure], tests: Tests) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for name, measure in accuracy.items():
        facts = study[training_step(name, study.seeds[0])].facts
        numbers[name] = {
            "accuracy": measure.to_json(),
            "mcnemar": (
                dict(zip(("cnn_alone", "model_alone", "p"), tests[name], strict=True))
                if name in tests
                else None
            ),
            "seconds": facts["seconds"],
            "milliseconds": facts["milliseconds"],
            "bytes": facts["bytes"],
            "wild": {
                s: accuracy_of(study, name, f"wild/{s}").to_json()
                for s in test_sets.wild_names(study)
            },
        }
    return numbers
