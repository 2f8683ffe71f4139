"""Section 3: what each part of the CNN adds, and whether it learns or memorizes."""

from __future__ import annotations

from dataclasses import dataclass

from numeye.study import figures
from numeye.study.experiments import digits
from numeye.study.experiments.ablations import (
    ABLATIONS,
    LONG_STEPS,
    RANDOM_LABELS_STEP,
    ablation_step,
)
from numeye.study.experiments.traditional import CNN, TRAIN_ACCURACY_DIGITS, training_step
from numeye.study.measures import Measure, paired_difference
from numeye.study.report_elements import Figure, Finding, Section, Table, verdict_if, verdict_of
from numeye.study.steps import Study

MIN_GENERALIZATION_PERCENT = 90  # right answers to held-out digits
MIN_MEMORIZED_PERCENT = 20  # right answers to random labels; 10 are right by chance
COMPLETE = "classic, whole"
POOLING_ABLATIONS = ("no pooling", "strides in place of pooling")
SHUFFLING_ABLATIONS = ("never shuffled", "sorted by digit")


@dataclass(frozen=True)
class Ablation:
    """Trainings that differ only by their seed.

    Attributes:
        test: accuracy of each seed on test digits, in percent.
        train: accuracy of each seed on 10,000 training digits, in percent.
    """

    test: list[float]
    train: list[float]

    @property
    def gap(self) -> list[float]:
        """Difference of both accuracies for each seed, in points."""
        return [train - test for train, test in zip(self.train, self.test, strict=True)]

    def points_below(self, other: Ablation) -> Measure:
        """Return by how many points its test accuracy is lower, paired by seed."""
        return paired_difference(other.test, self.test)

    def gap_above(self, other: Ablation) -> Measure:
        """Return by how many points its gap is wider, paired by seed."""
        return paired_difference(self.gap, other.gap)


def section(study: Study) -> Section:
    """Report the ablations, the gap during a long training, and random labels."""
    ablations = {COMPLETE: _ablation(study, [training_step(CNN, s) for s in study.seeds])}
    ablations |= {
        name: _ablation(study, [ablation_step(name, s) for s in study.seeds]) for name in ABLATIONS
    }
    return Section(
        title="What each part is good for",
        question=(
            "Do convolution, pooling, ReLU and shuffling do what is said of them, and is anything"
            " learnt by heart?"
        ),
        method=(
            f"classic is trained with one part left out or changed, {len(study.seeds)} seeds each,"
            f" all else alike, for {study.scale.epochs} epochs; without pooling the decision sees"
            " 16 times as many numbers. The gap is the accuracy on digits learnt from less that on"
            f" test digits. Each seed also goes on for {study.scale.long} epochs, and one network"
            f" learns {study.scale.random:,} digits whose labels are drawn by lot."
        ),
        findings=[
            _overfitting_finding("Pooling helps against overfitting", ablations, POOLING_ABLATIONS),
            _overfitting_finding(
                "Shuffling helps against overfitting", ablations, SHUFFLING_ABLATIONS
            ),
            _parts_finding(ablations),
            _memory_finding(study),
        ],
        parts=[_table(ablations, study), _memory_figure(study)],
        numbers={
            name: {
                "test": Measure.of_seeds(ablation.test).to_json(),
                "train": Measure.of_seeds(ablation.train).to_json(),
                "gap": Measure.of_seeds(ablation.gap).to_json(),
            }
            for name, ablation in ablations.items()
        }
        | {"random labels": study[RANDOM_LABELS_STEP].facts},
    )


def _ablation(study: Study, names: list[str]) -> Ablation:
    test = digits.load_test(study)
    return Ablation(
        [digits.accuracy(study[name].arrays["test"], test) for name in names],
        [float(study[name].facts["train_accuracy"]) for name in names],
    )


def _overfitting_finding(
    claim: str, ablations: dict[str, Ablation], without: tuple[str, str]
) -> Finding:
    """Return whether the train-test gap is wider without a part."""
    complete = ablations[COMPLETE]
    wider = {name: ablations[name].gap_above(complete) for name in without}
    supported = [name for name in without if wider[name].low > 0]
    measured = "; ".join(
        f"{name}: gap {Measure.of_seeds(ablations[name].gap)} points, {wider[name]} wider, and"
        f" {ablations[name].points_below(complete)} points less on test digits"
        for name in without
    )
    return Finding(
        claim=claim,
        verdict=verdict_of(len(supported), len(without)),
        text=(
            f"With all its parts the gap is {Measure.of_seeds(complete.gap)} points."
            f" {measured[0].upper()}{measured[1:]}."
        ),
    )


def _parts_finding(ablations: dict[str, Ablation]) -> Finding:
    complete = ablations[COMPLETE]
    parts = ("no convolution", "no ReLU", "random filters, frozen")
    losses = {name: ablations[name].points_below(complete) for name in parts}
    supported = [name for name in parts if losses[name].low > 0]
    measured = "; ".join(f"{name}: {measure} points less" for name, measure in losses.items())
    frozen = Measure.of_seeds(ablations["random filters, frozen"].test)
    return Finding(
        claim="Convolution, ReLU and learnt filters each add to accuracy",
        verdict=verdict_of(len(supported), len(parts)),
        text=(
            f"{measured[0].upper()}{measured[1:]}. Even filters that were never learnt give"
            f" {frozen} %."
        ),
    )


def _memory_finding(study: Study) -> Finding:
    runs = [study[f"{LONG_STEPS}/seed{seed}"].facts for seed in study.seeds]
    gaps = [Measure.of_seeds([run["train"][n] - run["held"][n] for run in runs]) for n in (0, -1)]
    held_out = Measure.of_seeds([run["held"][-1] for run in runs])
    random_labels = study[RANDOM_LABELS_STEP].facts
    generalizes = held_out.low > MIN_GENERALIZATION_PERCENT
    memorizes = random_labels["train"][-1] > MIN_MEMORIZED_PERCENT
    return Finding(
        claim="The network learns to generalise and does not memorise",
        verdict=verdict_if(shown=generalizes and not memorizes, in_part=generalizes),
        text=(
            f"After one epoch the gap to digits held back is {gaps[0]} points, after"
            f" {study.scale.long} it is {gaps[1]}, with {held_out} % of those read right (asked:"
            f" {MIN_GENERALIZATION_PERCENT}). It can memorise, too: of"
            f" {study.scale.random:,} digits with labels drawn by lot it came to know"
            f" {random_labels['train'][-1]:.1f} % by heart (counted from {MIN_MEMORIZED_PERCENT}),"
            f" which is worth {random_labels['test']:.1f} % on test digits."
        ),
    )


def _table(ablations: dict[str, Ablation], study: Study) -> Table:
    complete = ablations[COMPLETE]
    rows = [
        [
            name,
            f"{Measure.of_seeds(ablation.test)} %",
            "-" if ablation is complete else str(ablation.points_below(complete)),
            f"{Measure.of_seeds(ablation.train)} %",
            str(Measure.of_seeds(ablation.gap)),
        ]
        for name, ablation in ablations.items()
    ]
    return Table(
        caption=(
            f"{study.scale.test:,} test digits,"
            f" {min(TRAIN_ACCURACY_DIGITS, study.scale.train):,} of those learnt from; mean of"
            f" {len(study.seeds)} seeds with its 95 % interval, differences paired by seed."
        ),
        head=["network", "test", "less than whole (points)", "digits learnt from", "gap (points)"],
        rows=rows,
    )


def _memory_figure(study: Study) -> Figure:
    drawing, (true_axes, random_axes) = figures.new_figure(1, 2, height=3.3)
    runs = [study[f"{LONG_STEPS}/seed{seed}"].facts for seed in study.seeds]
    epochs = list(range(1, study.scale.long + 1))
    for number, (key, label) in enumerate(
        {"train": "digits learnt from", "held": "digits held back"}.items()
    ):
        measures = [Measure.of_seeds([run[key][epoch - 1] for run in runs]) for epoch in epochs]
        figures.draw_curve(true_axes, epochs, measures, label, number)
    true_axes.set(xlabel="epoch", ylabel="right (%)", title="true labels")
    true_axes.legend(frameon=False, loc="lower right")
    random_accuracies = study[RANDOM_LABELS_STEP].facts["train"]
    random_axes.plot(
        range(1, len(random_accuracies) + 1),
        random_accuracies,
        color=figures.COLOURS[1],
        label="digits learnt from",
    )
    random_axes.axhline(
        study[RANDOM_LABELS_STEP].facts["test"],
        color=figures.COLOURS[0],
        linestyle="--",
        label="test digits, at the end",
    )
    random_axes.set(xlabel="epoch", ylim=(0, 102), title="labels drawn by lot")
    random_axes.legend(frameon=False)
    for axes in (true_axes, random_axes):
        axes.grid(alpha=0.3)
    return Figure(
        name="memory",
        svg=figures.to_svg(drawing),
        alt=(
            "Left: accuracy on digits learnt from and held back, by epoch. Right: the same with"
            " labels drawn by lot."
        ),
        caption=(
            "Accuracy along training. Digits held back stand for test digits here, which are read"
            " once, at the end."
        ),
    )
