"""Section 2: whether spatial structure is what the CNN gains by."""

from __future__ import annotations

import numpy as np

from numeye.training.evidence import digits, figures, questions
from numeye.training.evidence.document import Figure, Finding, Measure, Section, Table, Verdict, differences
from numeye.training.evidence.sections.comparison import measured
from numeye.training.evidence.structure import MOST_OF_SVM, NETWORKS, few_name, shuffled_name
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, MLP, TITLES, chosen, result_name

SHORT = {CNN: "CNN", MLP: "MLP", "svm": "SVM"}
FAR = 90  # percent right of digits shifted by 4 pixels
SAME = 0.5  # points: less than that is no change
NONE = {"shift": 0, "turn": 0, "size": 1}  # where nothing is displaced
AXES = {"shift": "shift to the right (pixels)", "turn": "turn (degrees)", "size": "size (1 is its own)"}


def section(study: Study) -> Section:
    """Shuffled pixels, displaced digits, few digits."""
    plain = {name: _accuracies(study, [result_name(name, s) for s in study.seeds]) for name in NETWORKS}
    shuffled = {name: _accuracies(study, [shuffled_name(name, s) for s in study.seeds]) for name in NETWORKS}
    few = _few(study)
    return Section(
        title="Because of spatial structure?",
        question="Does the CNN gain by knowing which pixels lie side by side?",
        method=(
            "First, CNN and MLP learn and are tested on digits whose pixels are moved by one fixed permutation, "
            "another one for each seed: what each pixel holds is still there, what lies side by side is not. Second, "
            f"the models of section 1 answer {study.scale.displaced:,} test digits that are shifted, turned and "
            "resized, as no digit was in training. Third, CNN, MLP and SVM learn from few digits, as many of each "
            f"class, drawn anew for each of {study.scale.seeds} seeds; an epoch of a network shows at least "
            f"{study.scale.least:,} pictures. In all of them the CNN is trained by its recipe, the MLP for "
            f"{chosen(study, MLP)['times']} times as many epochs at {chosen(study, MLP)['learning_rate']:g}, as was "
            "chosen in section 1."
        ),
        findings=[_permuted(plain, shuffled), _displacement(study), _efficiency(few, study)],
        parts=[_shuffled_table(plain, shuffled, study), _displaced_figure(study), _few_figure(few, study)],
        numbers={
            "plain": {name: Measure.of_seeds(v).to_json() for name, v in plain.items()},
            "shuffled": {name: Measure.of_seeds(v).to_json() for name, v in shuffled.items()},
            "displaced": {
                way: {
                    name: {f"{a:g}": measured(study, name, f"{way}/{a:g}").to_json() for a in amounts} for name in SHORT
                }
                for way, amounts in questions.WAYS.items()
            },
            "few": {name: {str(n): m.to_json() for n, m in sizes.items()} for name, sizes in few.items()},
        },
    )


def _accuracies(study: Study, names: list[str]) -> list[float]:
    test = digits.test(study)
    return [digits.accuracy(study[name].arrays["test"], test) for name in names]


def _permuted(plain: dict[str, list[float]], shuffled: dict[str, list[float]]) -> Finding:
    lead, lead_shuffled = differences(plain[CNN], plain[MLP]), differences(shuffled[CNN], shuffled[MLP])
    lost = {name: [a - b for a, b in zip(plain[name], shuffled[name], strict=True)] for name in NETWORKS}
    gone = lead.low > 0 and differences(lost[CNN], lost[MLP]).low > 0
    same = Measure.of_seeds(lost[MLP]).low >= -SAME and Measure.of_seeds(lost[MLP]).high <= SAME
    verdict: Verdict = "shown" if gone and same else "in part" if gone else "not shown"
    return Finding(
        claim="CNNs outperform because they understand spatial structure",
        verdict=verdict,
        text=(
            f"With pixels shuffled the CNN loses {Measure.of_seeds(lost[CNN])} points, the MLP "
            f"{Measure.of_seeds(lost[MLP])}, where its whole interval within {SAME:g} counts as nothing. The CNN's "
            f"lead over the MLP was {lead} points with pixels in place and is {lead_shuffled} with pixels shuffled."
        ),
    )


def _shuffled_table(plain: dict[str, list[float]], shuffled: dict[str, list[float]], study: Study) -> Table:
    rows = [
        [TITLES[name], *(f"{m} %" for m in (Measure.of_seeds(plain[name]), Measure.of_seeds(shuffled[name]))),
         str(differences(plain[name], shuffled[name]))]
        for name in NETWORKS
    ]  # fmt: skip
    return Table(
        caption=(
            f"Accuracy on {study.scale.test:,} test digits, mean of {study.scale.seeds} seeds with its 95 % interval; "
            "differences are paired by seed."
        ),
        head=["model", "pixels in place", "pixels shuffled", "lost (points)"],
        rows=rows,
    )


def _robustness(study: Study, name: str, seed: int) -> np.ndarray:
    """Of each digit, the share of displacements but none under which it is read right, each kind counted alike."""
    found = study[result_name(name, seed)]
    kinds = [
        np.mean([questions.right(study, found, f"{way}/{a:g}") for a in amounts if a != NONE[way]], axis=0)
        for way, amounts in questions.WAYS.items()
    ]
    shares: np.ndarray = np.mean(kinds, axis=0)
    return shares


def _displacement(study: Study) -> Finding:
    cnn, mlp = ([float(_robustness(study, name, s).mean() * 100) for s in study.seeds] for name in NETWORKS)
    lead = differences(cnn, mlp)
    # On the same digits, the CNN's mean over seeds against the SVM, of which there is one.
    shares = np.mean([_robustness(study, CNN, seed) for seed in study.seeds], axis=0)
    ahead = Measure.of_values((shares - _robustness(study, "svm", study.seeds[0])) * 100)
    far = measured(study, CNN, "shift/4")
    return Finding(
        claim="CNNs read digits that were moved, without having seen such",
        verdict=(
            "shown" if min(lead.low, ahead.low) > 0 and far.low > FAR else "in part" if lead.low > 0 else "not shown"
        ),
        text=(
            f"Over all shifts, turns and sizes tried the CNN reads {Measure.of_seeds(cnn)} %. It is {lead} points "
            f"ahead of the MLP (over seeds) and {ahead} ahead of the SVM (over digits). Shifted by 4 pixels it reads "
            f"{far} %, where the claim asks for {FAR}: the decision behind the convolutions has a weight for each "
            "place."
        ),
    )


def _displaced_figure(study: Study) -> Figure:
    drawing, panels = figures.canvas(1, 3, height=3.3)
    for axes, (way, amounts) in zip(panels, questions.WAYS.items(), strict=True):
        for number, (name, label) in enumerate(SHORT.items()):
            figures.curve(axes, amounts, [measured(study, name, f"{way}/{a:g}") for a in amounts], label, number)
        axes.set(xlabel=AXES[way], ylim=(0, 102))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("right (%)")
    panels[0].legend(frameon=False, loc="lower center")
    return Figure(
        name="displacement",
        svg=figures.to_svg(drawing),
        alt=(
            "Three panels of accuracy against shift, turn and size for CNN, MLP and SVM: each falls away from the "
            "middle."
        ),
        caption=(
            f"Accuracy on {study.scale.displaced:,} displaced test digits, 95 % intervals over seeds (networks) or "
            "digits (SVM). In training none was displaced."
        ),
    )


def _few(study: Study) -> dict[str, dict[int, Measure]]:
    found: dict[str, dict[int, Measure]] = {}
    for name in SHORT:
        sizes = [size for size in study.scale.sizes if name != "svm" or size <= MOST_OF_SVM]
        found[name] = {
            size: Measure.of_seeds(_accuracies(study, [few_name(name, size, s) for s in study.seeds])) for size in sizes
        }
        found[name][study.scale.train] = measured(study, name, "test")
    return found


def _efficiency(few: dict[str, dict[int, Measure]], study: Study) -> Finding:
    ahead = [size for size in study.scale.sizes if _ahead(study, size)]
    middle = study.scale.sizes[len(study.scale.sizes) // 2]
    others = f"the MLP {few[MLP][middle]} %" + (f", the SVM {few['svm'][middle]} %" if middle in few["svm"] else "")
    most = len(study.scale.sizes) / 2
    return Finding(
        claim="CNNs need fewer examples",
        verdict="shown" if len(ahead) == len(study.scale.sizes) else "in part" if len(ahead) > most else "not shown",
        text=(
            f"Of {len(study.scale.sizes)} sizes the CNN is ahead of the MLP, and to {MOST_OF_SVM:,} digits of the SVM, "
            f"too, at {len(ahead)} ({', '.join(f'{size:,}' for size in ahead) or 'none'}), each by its own interval "
            f"over the same digits. From {middle:,} digits it reads {few[CNN][middle]} %, {others}. In part: at more "
            "than half."
        ),
    )


def _ahead(study: Study, size: int) -> bool:
    """Whether the CNN is ahead of the others, which learnt from the same digits."""
    others = ["svm", MLP] if size <= MOST_OF_SVM else [MLP]
    accuracies = {n: _accuracies(study, [few_name(n, size, s) for s in study.seeds]) for n in (CNN, *others)}
    return all(differences(accuracies[CNN], accuracies[name]).low > 0 for name in others)


def _few_figure(few: dict[str, dict[int, Measure]], study: Study) -> Figure:
    drawing, axes = figures.canvas(height=3.6)
    for number, (name, label) in enumerate(SHORT.items()):
        figures.curve(axes, list(few[name]), list(few[name].values()), label, number)
    axes.set(xscale="log", xlabel="digits learnt from", ylabel="right (%)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return Figure(
        name="few",
        svg=figures.to_svg(drawing),
        alt="Accuracy against the number of digits learnt from, on a logarithmic axis, for CNN, MLP and SVM.",
        caption=(
            f"Accuracy on {study.scale.test:,} test digits by the number of digits learnt from; 95 % intervals over "
            f"{study.scale.seeds} seeds, each with other digits (the last point: see section 1)."
        ),
    )
