"""Section 5: where the networks fail."""

from __future__ import annotations

from typing import Any

import numpy as np

from numeye import metrics
from numeye.training.evidence import digits, figures, questions
from numeye.training.evidence.corruptions import CORRUPTIONS
from numeye.training.evidence.document import Figure, Finding, Measure, Section, Table, verdict
from numeye.training.evidence.failures import EPSILON, OUTSIDE, READER, READERS, attack_name
from numeye.training.evidence.sections import certainty, doubts
from numeye.training.evidence.sections.comparison import measured
from numeye.training.evidence.study import Result, Study
from numeye.training.evidence.traditional import CNN, TITLES, result_name, seeds_of

UNMOVED, TOLD_APART = 0.9, 0.99  # what the claims of this section ask for
NAMES = {"classic": "CNN, classic", "reader": "packaged reader"}


def section(study: Study) -> Section:
    """Corruptions, attacks, pictures that are no digits, certainty, doubtful labels."""
    corrupted = {name: _corrupted(study, name) for name in TITLES} | {"reader": _reader_corrupted(study)}
    reliability, told = certainty.measures(study)
    return Section(
        title="Where it fails",
        question="What makes the networks err, do they know it, and are the labels right?",
        method=(
            "The fifteen corruptions of MNIST-C are made again from their published definitions, on the first "
            f"{study.scale.corrupted:,} test digits; no model has learnt from any. Attacks change each pixel by at "
            "most epsilon of the range from black to white, on the same digits (AutoAttack on "
            f"{study.scale.attacked}), by the adversarial-robustness-toolbox with the network's gradients (AutoAttack "
            "here: APGD by two losses, DeepFool and Square with 1,000 queries, one start each); of the packaged "
            "reader its first look is attacked. Pictures that are no digits are told from MNIST's validation digits "
            "by the CNN's best probability and by the reader's eleventh answer. Doubtful labels of train are found by "
            "cleanlab from networks that had not seen the digit."
        ),
        findings=[
            _corruption_finding(study, corrupted),
            _attack_finding(study),
            _outside_finding(study),
            certainty.finding(reliability, told, study),
            doubts.finding(study),
        ],
        parts=[
            _corruption_table(corrupted, study),
            _corruption_figure(study),
            _attack_figure(study),
            _attack_table(study),
            _outside_table(study),
            certainty.table(told, study),
            certainty.figure(reliability, study),
            doubts.known(study),
            doubts.found(study),
        ],
        numbers={
            "corrupted": {n: {c: m.to_json() for c, m in of.items()} for n, of in corrupted.items()},
            "attacks": {name: _attacks(study, name) for name in READERS},
            "outside": _auroc(study),
            "certainty": told,
            **doubts.numbers(study),
        },
    )


def _corrupted(study: Study, name: str) -> dict[str, Measure]:
    return {c: measured(study, name, f"corrupted/{c}") for c in CORRUPTIONS}


def _reader_corrupted(study: Study) -> dict[str, Measure]:
    found = study[READER]
    return {c: Measure.of_digits(questions.right(study, found, f"corrupted/{c}")) for c in CORRUPTIONS}


def _mean(of: dict[str, Measure]) -> float:
    return float(np.mean([measure.value for measure in of.values()]))


def _corruption_finding(study: Study, corrupted: dict[str, dict[str, Measure]]) -> Finding:
    means = {name: _mean(of) for name, of in corrupted.items()}
    best = max((name for name in means if name not in (CNN, "reader")), key=means.__getitem__)
    ahead = Measure.of_values((_shares(study, CNN) - _shares(study, best)) * 100)
    worst = min(corrupted[CNN], key=lambda c: corrupted[CNN][c].value)
    return Finding(
        claim="The CNN bears corruptions better than traditional models",
        verdict="shown" if ahead.low > 0 else "not shown",
        text=(
            f"Over fifteen corruptions the CNN reads {means[CNN]:.1f} %, the best of the other models ({TITLES[best]}) "
            f"{means[best]:.1f} %: the CNN is {ahead} points ahead (over the same digits). The packaged reader, which "
            f"learnt from synthetic paper, reads {means['reader']:.1f} %. Worst for the CNN is "
            f"{worst.replace('_', ' ')}: {corrupted[CNN][worst]} %."
        ),
    )


def _shares(study: Study, name: str) -> np.ndarray:
    """Of each digit, the share of corruptions under which it is read right, mean over seeds."""
    found = [study[result_name(name, seed)] for seed in seeds_of(study, name)]
    shares: np.ndarray = np.mean(
        [questions.right(study, one, f"corrupted/{c}") for one in found for c in CORRUPTIONS], axis=0
    )
    return shares


def _corruption_table(corrupted: dict[str, dict[str, Measure]], study: Study) -> Table:
    titles = {**TITLES, "reader": NAMES["reader"]}
    rows = [[c.replace("_", " "), *(f"{of[c].value:.1f}" for of in corrupted.values())] for c in CORRUPTIONS]
    rows.append(["mean", *(f"{_mean(of):.1f}" for of in corrupted.values())])
    widest = max(measure.half for of in corrupted.values() for measure in of.values())
    return Table(
        caption=(
            f"Accuracy in percent on {study.scale.corrupted:,} corrupted test digits; where there are several seeds, "
            f"their mean. 95 % intervals are at most ± {widest:.1f} and stand in the file of numbers."
        ),
        head=["corruption", *(titles[name] for name in corrupted)],
        rows=rows,
    )


def _corruption_figure(study: Study) -> Figure:
    pictures = study["questions/corrupted"].arrays
    drawing, axes = figures.canvas(height=2.2)
    shown = np.concatenate([np.array([pictures[c][number] for c in CORRUPTIONS]) for number in range(3)]) / 255
    figures.pictures(axes, shown, columns=len(CORRUPTIONS))
    return Figure(
        name="corruptions",
        svg=figures.to_svg(drawing),
        alt="Three digits, each with fifteen corruptions side by side.",
        caption=f"From left to right: {', '.join(CORRUPTIONS).replace('_', ' ')}.",
    )


def _attacks(study: Study, name: str) -> dict[str, dict[str, Any]]:
    """Accuracy under each attack, with its interval over the digits."""
    right = study[attack_name(name)].facts["right"]
    return {a: {"n": len(r), **Measure.of_share(np.array(r)).to_json()} for a, r in right.items()}


def _attack_finding(study: Study) -> Finding:
    found = {name: _attacks(study, name) for name in READERS}
    strongest, descent = f"AutoAttack {EPSILON:g}", f"PGD {EPSILON:g}"
    kept = [name for name in READERS if found[name][strongest]["value"] >= UNMOVED * found[name]["clean"]["value"]]
    told = "; ".join(
        f"{NAMES[name]}: {found[name]['clean']['value']:.1f} % as they are, {found[name][descent]['value']:.1f} under "
        f"PGD, {found[name][strongest]['value']:.1f} under AutoAttack"
        for name in READERS
    )
    whole = found["reader"][f"{descent}, read as numeye reads"]["value"]
    return Finding(
        claim=f"Changes of {EPSILON:g} a pixel do not change its answers",
        verdict=verdict(len(kept), len(READERS)),
        text=(
            f"{told}. The claim asks for {UNMOVED:.0%} of the right answers under AutoAttack. Neither was trained "
            "against attacks. Pictures made against the reader's first look are read right by the whole reader, which "
            f"looks twice and was not attacked itself, in {whole:.1f} %."
        ),
    )


def _attack_table(study: Study) -> Table:
    found = {name: _attacks(study, name) for name in READERS}
    names = list(found["reader"])

    def cell(name: str, attack: str) -> str:
        one = found[name].get(attack)
        return "-" if one is None else f"{one['value']:.1f} ({one['low']:.1f} to {one['high']:.1f})"

    return Table(
        caption=(
            f"Right in percent while attacked, with Wilson's interval over {study.scale.corrupted:,} digits "
            f"({study.scale.attacked} for AutoAttack). The number is epsilon."
        ),
        head=["attack", *(NAMES[name] for name in READERS)],
        rows=[[attack, *(cell(name, attack) for name in READERS)] for attack in names],
    )


def _attack_figure(study: Study) -> Figure:
    drawing, axes = figures.canvas(height=2.4)
    clean = digits.test(study).first(8).pixels
    rows = [clean, *(study[attack_name(name)].arrays["example"] for name in READERS)]
    figures.pictures(axes, np.concatenate(rows), columns=8)
    return Figure(
        name="attacks",
        svg=figures.to_svg(drawing),
        alt="Three rows of eight digits: as they are, and changed by attacks on both networks.",
        caption=(
            f"Test digits, and what PGD with epsilon {EPSILON:g} made of them against the CNN and against the reader."
        ),
    )


def _auroc(study: Study) -> dict[str, dict[str, float]]:
    """How well each network tells each kind of picture from digits."""
    found: Result = study[OUTSIDE]
    return {
        kind: {n: metrics.auroc(found.arrays[f"digits.{n}"], found.arrays[f"{kind}.{n}"]) for n in READERS}
        for kind in found.facts["kinds"]
    }


def _outside_finding(study: Study) -> Finding:
    found, left_out = _auroc(study), study[OUTSIDE].facts["left_out"]
    worst = {name: min(found, key=lambda kind: found[kind][name]) for name in READERS}
    known = [name for name in READERS if found[worst[name]][name] >= TOLD_APART]
    told = f"Not asked, since they were not to be had: {', '.join(left_out)}. " if left_out else ""
    return Finding(
        claim="The network knows what is no digit",
        verdict=verdict(len(known), len(READERS)),
        text=(
            f"{told}Area under the ROC curve for the kind that is told worst, where the claim asks for {TOLD_APART}: "
            f"{found[worst['classic']]['classic']:.3f} for the CNN ({worst['classic']}), which has no answer for it, "
            f"{found[worst['reader']]['reader']:.3f} for the reader ({worst['reader']}), which learnt one."
        ),
    )


def _outside_table(study: Study) -> Table:
    found, arrays = _auroc(study), study[OUTSIDE].arrays
    return Table(
        caption=(
            f"Area under the ROC curve of each kind against {len(arrays['digits.reader']):,} MNIST validation digits, "
            "1 where all are told apart, 0.5 by chance. Letters and signs are of fonts held out, those that look like "
            "digits left out."
        ),
        head=["pictures that are no digits", "n", *(NAMES[name] for name in READERS)],
        rows=[
            [kind, f"{len(arrays[f'{kind}.reader']):,}", *(f"{found[kind][name]:.4f}" for name in READERS)]
            for kind in found
        ],
    )
