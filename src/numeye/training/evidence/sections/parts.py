"""Section 3: what each part of the CNN is good for, and whether it learnt or knows by heart."""

from __future__ import annotations

from dataclasses import dataclass

from numeye.training.evidence import digits, figures
from numeye.training.evidence.ablations import ABLATIONS, LONG, RANDOM, name_of
from numeye.training.evidence.document import Figure, Finding, Measure, Section, Table, verdict
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, MEASURED, result_name

GENERALISES, KNOWS_BY_HEART = 90, 20  # percent; labels drawn by lot are right in 10 by chance
WHOLE = "classic, whole"
POOLING, SHUFFLING = ("no pooling", "strides in place of pooling"), ("never shuffled", "sorted by digit")


@dataclass(frozen=True)
class Ablation:
    """Some trainings alike.

    Attributes:
        test: accuracy of each seed on test digits, in percent.
        train: and on 10,000 of those that it learnt from.
    """

    test: list[float]
    train: list[float]

    @property
    def gap(self) -> list[float]:
        """Points that digits never seen are read worse by."""
        return [train - test for train, test in zip(self.train, self.test, strict=True)]

    def less(self, other: Ablation) -> Measure:
        """By how many points of test accuracy this is behind, paired by seed."""
        return Measure.of_seeds([b - a for a, b in zip(self.test, other.test, strict=True)])

    def wider(self, other: Ablation) -> Measure:
        """By how many points its gap is wider, paired by seed."""
        return Measure.of_seeds([a - b for a, b in zip(self.gap, other.gap, strict=True)])


def section(study: Study) -> Section:
    """Ablations, the gap along a long training, and labels drawn by lot."""
    found = {WHOLE: _ablation(study, [result_name(CNN, s) for s in study.seeds])}
    found |= {name: _ablation(study, [name_of(name, s) for s in study.seeds]) for name in ABLATIONS}
    return Section(
        title="What each part is good for",
        question=(
            "Do convolution, pooling, ReLU and shuffling do what is said of them, and is anything learnt by heart?"
        ),
        method=(
            f"classic is trained with one part left out or changed, {len(study.seeds)} seeds each, all else alike, for "
            f"{study.scale.epochs} epochs; without pooling the decision sees 16 times as many numbers. The gap is the "
            f"accuracy on digits learnt from less that on test digits. Each seed also goes on for {study.scale.long} "
            f"epochs, and one network learns {study.scale.random:,} digits whose labels are drawn by lot."
        ),
        findings=[
            _overfitting("Pooling helps against overfitting", found, POOLING),
            _overfitting("Shuffling helps against overfitting", found, SHUFFLING),
            _needed(found),
            _memory(study),
        ],
        parts=[_table(found, study), _long_figure(study)],
        numbers={
            name: {
                "test": Measure.of_seeds(one.test).to_json(),
                "train": Measure.of_seeds(one.train).to_json(),
                "gap": Measure.of_seeds(one.gap).to_json(),
            }
            for name, one in found.items()
        }
        | {"random labels": study[RANDOM].facts},
    )


def _ablation(study: Study, names: list[str]) -> Ablation:
    test = digits.test(study)
    return Ablation(
        [digits.accuracy(study[name].arrays["test"], test) for name in names],
        [float(study[name].facts["train_accuracy"]) for name in names],
    )


def _overfitting(claim: str, found: dict[str, Ablation], without: tuple[str, str]) -> Finding:
    """Whether the gap is wider without it."""
    whole = found[WHOLE]
    wider = {name: found[name].wider(whole) for name in without}
    shown = [name for name in without if wider[name].low > 0]
    told = "; ".join(
        f"{name}: gap {Measure.of_seeds(found[name].gap)} points, {wider[name]} wider, and {found[name].less(whole)} "
        "points less on test digits"
        for name in without
    )
    return Finding(
        claim=claim,
        verdict=verdict(len(shown), len(without)),
        text=f"With all its parts the gap is {Measure.of_seeds(whole.gap)} points. {told[0].upper()}{told[1:]}.",
    )


def _needed(found: dict[str, Ablation]) -> Finding:
    whole = found[WHOLE]
    parts = ("no convolution", "no ReLU", "random filters, frozen")
    lost = {name: found[name].less(whole) for name in parts}
    shown = [name for name in parts if lost[name].low > 0]
    told = "; ".join(f"{name}: {measure} points less" for name, measure in lost.items())
    frozen = Measure.of_seeds(found["random filters, frozen"].test)
    return Finding(
        claim="Convolution, ReLU and learnt filters each add to accuracy",
        verdict=verdict(len(shown), len(parts)),
        text=(f"{told[0].upper()}{told[1:]}. Even filters that were never learnt give {frozen} %."),
    )


def _memory(study: Study) -> Finding:
    runs = [study[f"{LONG}/seed{seed}"].facts for seed in study.seeds]
    gaps = [Measure.of_seeds([run["train"][n] - run["held"][n] for run in runs]) for n in (0, -1)]
    held = Measure.of_seeds([run["held"][-1] for run in runs])
    by_lot = study[RANDOM].facts
    learnt, can_memorise = held.low > GENERALISES, by_lot["train"][-1] > KNOWS_BY_HEART
    return Finding(
        claim="The network learns to generalise and does not memorise",
        verdict="in part" if learnt and can_memorise else "shown" if learnt else "not shown",
        text=(
            f"After one epoch the gap to digits held back is {gaps[0]} points, after {study.scale.long} it is "
            f"{gaps[1]}, with {held} % of those read right (asked: {GENERALISES}). It can memorise, too: of "
            f"{study.scale.random:,} digits with labels drawn by lot it came to know {by_lot['train'][-1]:.1f} % by "
            f"heart (counted from {KNOWS_BY_HEART}), which is worth {by_lot['test']:.1f} % on test digits."
        ),
    )


def _table(found: dict[str, Ablation], study: Study) -> Table:
    whole = found[WHOLE]
    rows = [
        [
            name,
            f"{Measure.of_seeds(one.test)} %",
            "-" if one is whole else str(one.less(whole)),
            f"{Measure.of_seeds(one.train)} %",
            str(Measure.of_seeds(one.gap)),
        ]
        for name, one in found.items()
    ]
    return Table(
        caption=(
            f"{study.scale.test:,} test digits, {min(MEASURED, study.scale.train):,} of those learnt from; mean of "
            f"{len(study.seeds)} seeds with its 95 % interval, differences paired by seed."
        ),
        head=["network", "test", "less than whole (points)", "digits learnt from", "gap (points)"],
        rows=rows,
    )


def _long_figure(study: Study) -> Figure:
    drawing, (axes, lot) = figures.canvas(1, 2, height=3.3)
    runs = [study[f"{LONG}/seed{seed}"].facts for seed in study.seeds]
    epochs = list(range(1, study.scale.long + 1))
    for number, (key, label) in enumerate({"train": "digits learnt from", "held": "digits held back"}.items()):
        measures = [Measure.of_seeds([run[key][epoch - 1] for run in runs]) for epoch in epochs]
        figures.curve(axes, epochs, measures, label, number)
    axes.set(xlabel="epoch", ylabel="right (%)", title="true labels")
    axes.legend(frameon=False, loc="lower right")
    known = study[RANDOM].facts["train"]
    lot.plot(range(1, len(known) + 1), known, color=figures.COLOURS[1], label="digits learnt from")
    lot.axhline(study[RANDOM].facts["test"], color=figures.COLOURS[0], linestyle="--", label="test digits, at the end")
    lot.set(xlabel="epoch", ylim=(0, 102), title="labels drawn by lot")
    lot.legend(frameon=False)
    for one in (axes, lot):
        one.grid(alpha=0.3)
    return Figure(
        name="memory",
        svg=figures.to_svg(drawing),
        alt="Left: accuracy on digits learnt from and held back, by epoch. Right: the same with labels drawn by lot.",
        caption=(
            "Accuracy along training. Digits held back stand for test digits here, which are read once, at the end."
        ),
    )
