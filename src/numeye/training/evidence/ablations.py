"""What each part of `classic` is good for, and whether it learns digits or knows them by heart.

Each ablation leaves one part out and is trained as `classic` is; beside its accuracy stands the gap between the digits
it learnt from and those it has never seen. Two trainings ask the other question: a longer one, whose gap is
followed, and one on digits whose labels were drawn by lot (Zhang et al. 2017, https://arxiv.org/abs/1611.03530).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from numeye.training.evidence import digits, networks
from numeye.training.evidence.digits import Digits
from numeye.training.evidence.networks import Asked
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import MEASURED

# Name, network, and the order of its batches. `classic` itself is trained in the comparison.
ABLATIONS = {
    "no convolution": ("classic-no-convolution", "shuffled"),
    "no pooling": ("classic-no-pooling", "shuffled"),
    "strides in place of pooling": ("classic-strides", "shuffled"),
    "no ReLU": ("classic-no-relu", "shuffled"),
    "random filters, frozen": ("classic-frozen", "shuffled"),
    "pixels of 0 to 255": ("classic-bytes", "shuffled"),
    "never shuffled": ("classic", "as they come"),
    "sorted by digit": ("classic", "sorted"),
}
LONG, RANDOM = "memory/long", "memory/random"
UNTIL_KNOWN = 24  # times the usual epochs that random labels are learnt for


def steps(study: Study) -> list[Step]:
    """Each ablation and a long training with every seed, and one on random labels."""
    made = [Step(RANDOM, _random)]
    made += [Step(f"{LONG}/seed{seed}", partial(_long, seed)) for seed in study.seeds]
    return made + [
        Step(name_of(name, seed), partial(_without, name, seed)) for name in ABLATIONS for seed in study.seeds
    ]


def name_of(name: str, seed: int) -> str:
    """Of the step of an ablation."""
    return f"ablations/{name.replace(' ', '-').replace(',', '')}/seed{seed}"


def ordered(some: Digits, order: str, seed: int) -> Digits:
    """The digits in the order in which a training without shuffling goes through them: by digit, or by one lot."""
    if order == "sorted":
        return some.take(np.argsort(some.labels, kind="stable"))
    return some.take(np.random.default_rng(seed).permutation(len(some)))


def _without(name: str, seed: int, study: Study) -> Result:
    model, order = ABLATIONS[name]
    whole = digits.fitted(study)
    asked = Asked(
        name=f"ablation-{model}-{order.replace(' ', '-')}-seed{seed}",
        model=model,
        digits=ordered(whole, order, seed),
        seed=seed,
        epochs=study.scale.epochs,
        shuffled=order == "shuffled",
    )
    trained = networks.train(study, asked)
    some = whole.first(MEASURED)
    facts = {"train_accuracy": digits.accuracy(networks.answers(trained.model, some.pixels), some)}
    return Result(facts, {"test": networks.answers(trained.model, digits.test(study).pixels).astype(np.int8)})


def _long(seed: int, study: Study) -> Result:
    """Accuracy on digits learnt from, and on those held back, after each epoch."""
    whole = digits.fitted(study)
    some = whole.first(MEASURED)
    name = f"long-seed{seed}"
    asked = Asked(name=name, model="classic", digits=whole, seed=seed, epochs=study.scale.long)
    trained = networks.train(study, asked, lambda model: digits.accuracy(networks.answers(model, some.pixels), some))
    return Result({"train": trained.looks, "held": [row["validation_accuracy"] for row in trained.rows]})


def _random(study: Study) -> Result:
    """What was learnt of labels that say nothing: on those very digits, and on digits with their true labels."""
    some = digits.fitted(study).some(study.scale.random, study.seed)
    drawn = Digits(some.pixels, np.random.default_rng(study.seed).integers(0, 10, len(some)))
    epochs = UNTIL_KNOWN * study.scale.epochs
    asked = Asked(name="random-labels", model="classic", digits=drawn, seed=study.seed, epochs=epochs)
    trained = networks.train(study, asked, lambda model: digits.accuracy(networks.answers(model, drawn.pixels), drawn))
    test = digits.test(study)
    return Result({"train": trained.looks, "test": digits.accuracy(networks.answers(trained.model, test.pixels), test)})
