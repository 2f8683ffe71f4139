"""Section 5: where the networks fail."""

from __future__ import annotations

from typing import Any

import numpy as np

from numeye.study import figures
from numeye.study.experiments import digits, test_sets
from numeye.study.experiments.corruptions import CORRUPTIONS
from numeye.study.experiments.failures import (
    EPSILON,
    MAX_EXAMPLES,
    NETWORKS,
    NON_DIGITS_STEP,
    PACKAGED_STEP,
    attack_step,
)
from numeye.study.experiments.traditional import CNN, TITLES
from numeye.study.measures import Measure, auroc
from numeye.study.report_elements import Figure, Finding, Section, Table, verdict_of
from numeye.study.sections import certainty, label_errors
from numeye.study.sections.comparison import accuracy_of, mean_right
from numeye.study.steps import Study

# The claims of this section require these.
MIN_KEPT_SHARE = 0.9  # of the right answers, while attacked
MIN_AUROC = 0.99  # of digits against pictures without a digit
SHOWN_DIGITS = 3  # in the figure of the corruptions
NETWORK_TITLES = {"classic": "CNN, classic", "reader": "packaged reader"}


def section(study: Study) -> Section:
    """Report corruptions, attacks, pictures without a digit, confidence and doubtful labels."""
    accuracies = {name: _corruption_accuracies(study, name) for name in TITLES} | {
        "reader": _packaged_corruption_accuracies(study)
    }
    predictions, scores = certainty.measure_certainty(study)
    return Section(
        title="Where it fails",
        question="What makes the networks err, do they know it, and are the labels right?",
        method=(
            "The fifteen corruptions of MNIST-C are made again from their published definitions,"
            f" on the first {study.scale.corrupted:,} test digits; no model has learnt from any."
            " Attacks change each pixel by at most epsilon of the range from black to white, on"
            f" the same digits (AutoAttack on {study.scale.attacked}), by the"
            " adversarial-robustness-toolbox with the network's gradients (AutoAttack here: APGD"
            " by two losses, DeepFool and Square with 1,000 queries, one start each); of the"
            " packaged reader its first look is attacked. Pictures that are no digits are told"
            " from MNIST's validation digits by the CNN's best probability and by the reader's"
            " eleventh answer. Doubtful labels of train are found by cleanlab from networks that"
            " had not seen the digit."
        ),
        findings=[
            _corruption_finding(study, accuracies),
            _attack_finding(study),
            _non_digits_finding(study),
            certainty.finding(predictions, scores, study),
            label_errors.finding(study),
        ],
        parts=[
            _corruption_table(accuracies, study),
            _corruption_figure(study),
            _attack_figure(study),
            _attack_table(study),
            _non_digits_table(study),
            certainty.table(scores, study),
            certainty.figure(predictions, study),
            label_errors.test_figure(study),
            label_errors.train_figure(study),
        ],
        numbers=_numbers(study, accuracies, scores),
    )


def _numbers(
    study: Study, accuracies: dict[str, dict[str, Measure]], scores: certainty.Scores
) -> dict[str, Any]:
    return {
        "corrupted": {
            n: {c: m.to_json() for c, m in by_corruption.items()}
            for n, by_corruption in accuracies.items()
        },
        "attacks": {name: _attack_accuracies(study, name) for name in NETWORKS},
        "outside": _auroc(study),
        "certainty": scores,
        **label_errors.numbers(study),
    }


def _corruption_accuracies(study: Study, name: str) -> dict[str, Measure]:
    return {c: accuracy_of(study, name, f"corrupted/{c}") for c in CORRUPTIONS}


def _packaged_corruption_accuracies(study: Study) -> dict[str, Measure]:
    result = study[PACKAGED_STEP]
    return {
        c: Measure.of_digits(test_sets.is_right(study, result, f"corrupted/{c}"))
        for c in CORRUPTIONS
    }


def _mean(by_corruption: dict[str, Measure]) -> float:
    return float(np.mean([measure.value for measure in by_corruption.values()]))


def _corruption_finding(study: Study, accuracies: dict[str, dict[str, Measure]]) -> Finding:
    means = {name: _mean(by_corruption) for name, by_corruption in accuracies.items()}
    best = max((name for name in means if name not in (CNN, "reader")), key=means.__getitem__)
    sets = [f"corrupted/{corruption}" for corruption in CORRUPTIONS]
    lead = Measure.of_values((mean_right(study, CNN, sets) - mean_right(study, best, sets)) * 100)
    worst = min(accuracies[CNN], key=lambda c: accuracies[CNN][c].value)
    return Finding(
        claim="The CNN bears corruptions better than traditional models",
        verdict="shown" if lead.low > 0 else "not shown",
        text=(
            f"Over fifteen corruptions the CNN reads {means[CNN]:.1f} %, the best of the other"
            f" models ({TITLES[best]}) {means[best]:.1f} %: the CNN is {lead} points ahead (over"
            " the same digits). The packaged reader, which learnt from synthetic paper, reads"
            f" {means['reader']:.1f} %. Worst for the CNN is {worst.replace('_', ' ')}:"
            f" {accuracies[CNN][worst]} %."
        ),
    )


def _corruption_table(accuracies: dict[str, dict[str, Measure]], study: Study) -> Table:
    titles = {**TITLES, "reader": NETWORK_TITLES["reader"]}
    rows = [
        [
            c.replace("_", " "),
            *(f"{by_corruption[c].value:.1f}" for by_corruption in accuracies.values()),
        ]
        for c in CORRUPTIONS
    ]
    rows.append(["mean", *(f"{_mean(by_corruption):.1f}" for by_corruption in accuracies.values())])
    widest = max(
        measure.half_width
        for by_corruption in accuracies.values()
        for measure in by_corruption.values()
    )
    return Table(
        caption=(
            f"Accuracy in percent on {study.scale.corrupted:,} corrupted test digits; where there"
            f" are several seeds, their mean. 95 % intervals are at most ± {widest:.1f} and stand"
            " in the file of numbers."
        ),
        head=["corruption", *(titles[name] for name in accuracies)],
        rows=rows,
    )


def _corruption_figure(study: Study) -> Figure:
    pictures = study[test_sets.CORRUPTED_STEP].arrays
    drawing, axes = figures.new_figure(height=2.2)
    shown = np.array([pictures[c][row] for row in range(SHOWN_DIGITS) for c in CORRUPTIONS])
    figures.draw_pictures(axes, shown / 255, columns=len(CORRUPTIONS))
    return Figure(
        name="corruptions",
        svg=figures.to_svg(drawing),
        alt="Three digits, each with fifteen corruptions side by side.",
        caption=f"From left to right: {', '.join(CORRUPTIONS).replace('_', ' ')}.",
    )


def _attack_accuracies(study: Study, name: str) -> dict[str, dict[str, Any]]:
    """Return the accuracy under each attack in percent, with its interval over the digits."""
    right = study[attack_step(name)].facts["right"]
    return {a: {"n": len(r), **Measure.of_share(np.array(r)).to_json()} for a, r in right.items()}


def _attack_finding(study: Study) -> Finding:
    accuracies = {name: _attack_accuracies(study, name) for name in NETWORKS}
    strongest, descent = f"AutoAttack {EPSILON:g}", f"PGD {EPSILON:g}"
    resistant = [
        name
        for name in NETWORKS
        if accuracies[name][strongest]["value"]
        >= MIN_KEPT_SHARE * accuracies[name]["clean"]["value"]
    ]
    measured = "; ".join(
        f"{NETWORK_TITLES[name]}: {accuracies[name]['clean']['value']:.1f} % as they are,"
        f" {accuracies[name][descent]['value']:.1f} under PGD,"
        f" {accuracies[name][strongest]['value']:.1f} under AutoAttack"
        for name in NETWORKS
    )
    reader_percent = accuracies["reader"][f"{descent}, read as numeye reads"]["value"]
    return Finding(
        claim=f"Changes of {EPSILON:g} a pixel do not change its answers",
        verdict=verdict_of(len(resistant), len(NETWORKS)),
        text=(
            f"{measured}. The claim asks for {MIN_KEPT_SHARE:.0%} of the right answers under"
            " AutoAttack. Neither was trained against attacks. Pictures made against the reader's"
            " first look are read right by the whole reader, which looks twice and was not attacked"
            f" itself, in {reader_percent:.1f} %."
        ),
    )


def _attack_table(study: Study) -> Table:
    accuracies = {name: _attack_accuracies(study, name) for name in NETWORKS}
    names = list(accuracies["reader"])

    def cell(name: str, attack: str) -> str:
        measure = accuracies[name].get(attack)
        if measure is None:
            return "-"
        return f"{measure['value']:.1f} ({measure['low']:.1f} to {measure['high']:.1f})"

    return Table(
        caption=(
            "Right in percent while attacked, with Wilson's interval over"
            f" {study.scale.corrupted:,} digits ({study.scale.attacked} for AutoAttack). The number"
            " is epsilon."
        ),
        head=["attack", *(NETWORK_TITLES[name] for name in NETWORKS)],
        rows=[[attack, *(cell(name, attack) for name in NETWORKS)] for attack in names],
    )


def _attack_figure(study: Study) -> Figure:
    drawing, axes = figures.new_figure(height=2.4)
    clean = digits.load_test(study).first(MAX_EXAMPLES).pixels
    rows = [clean, *(study[attack_step(name)].arrays["example"] for name in NETWORKS)]
    figures.draw_pictures(axes, np.concatenate(rows), columns=MAX_EXAMPLES)
    return Figure(
        name="attacks",
        svg=figures.to_svg(drawing),
        alt="Three rows of eight digits: as they are, and changed by attacks on both networks.",
        caption=(
            f"Test digits, and what PGD with epsilon {EPSILON:g} made of them against the CNN and"
            " against the reader."
        ),
    )


def _auroc(study: Study) -> dict[str, dict[str, float]]:
    """Return how well each network separates digits from each kind of picture without one."""
    result = study[NON_DIGITS_STEP]
    return {
        kind: {
            name: auroc(result.arrays[f"digits.{name}"], result.arrays[f"{kind}.{name}"])
            for name in NETWORKS
        }
        for kind in result.facts["kinds"]
    }


def _non_digits_finding(study: Study) -> Finding:
    areas, left_out = _auroc(study), study[NON_DIGITS_STEP].facts["left_out"]
    worst = {name: min(areas, key=lambda kind: areas[kind][name]) for name in NETWORKS}
    separating = [name for name in NETWORKS if areas[worst[name]][name] >= MIN_AUROC]
    missing = (
        f"Not asked, since they were not to be had: {', '.join(left_out)}. " if left_out else ""
    )
    return Finding(
        claim="The network knows what is no digit",
        verdict=verdict_of(len(separating), len(NETWORKS)),
        text=(
            f"{missing}Area under the ROC curve for the kind that is told worst, where the claim"
            f" asks for {MIN_AUROC}: {areas[worst['classic']]['classic']:.3f} for the CNN"
            f" ({worst['classic']}), which has no answer for it,"
            f" {areas[worst['reader']]['reader']:.3f} for the reader ({worst['reader']}), which"
            " learnt one."
        ),
    )


def _non_digits_table(study: Study) -> Table:
    areas, arrays = _auroc(study), study[NON_DIGITS_STEP].arrays
    return Table(
        caption=(
            f"Area under the ROC curve of each kind against {len(arrays['digits.reader']):,} MNIST"
            " validation digits, 1 where all are told apart, 0.5 by chance. Letters and signs are"
            " of fonts held out, those that look like digits left out."
        ),
        head=["pictures that are no digits", "n", *(NETWORK_TITLES[name] for name in NETWORKS)],
        rows=[
            [
                kind,
                f"{len(arrays[f'{kind}.reader']):,}",
                *(f"{areas[kind][name]:.4f}" for name in NETWORKS),
            ]
            for kind in areas
        ],
    )
