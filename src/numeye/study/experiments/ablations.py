"""What does each part of `classic` add, and does it learn digits or memorize them?

Each ablation leaves one part out, and is trained as `classic` is. Beside its accuracy, the study
reports the gap between the digits it learned from and those it has never seen. Two more trainings
ask about memory: a longer one, whose gap is followed, and one on digits with random labels (Zhang
et al. 2017, https://arxiv.org/abs/1611.03530).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from numeye.study.experiments import digits, networks
from numeye.study.experiments.digits import Digits
from numeye.study.experiments.networks import TrainingSpec
from numeye.study.experiments.traditional import TRAIN_ACCURACY_DIGITS
from numeye.study.steps import Result, Step, Study

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
LONG_STEPS, RANDOM_LABELS_STEP = "memory/long", "memory/random"
MEMORIZATION_EPOCHS_FACTOR = 24  # random labels take so many times the usual epochs


def steps(study: Study) -> list[Step]:
    """Return the steps: each ablation and a long training a seed, and one on random labels."""
    memory = [Step(RANDOM_LABELS_STEP, _train_on_random_labels)]
    memory += [Step(f"{LONG_STEPS}/seed{seed}", partial(_train_long, seed)) for seed in study.seeds]
    return memory + [
        Step(ablation_step(name, seed), partial(_train_ablation, name, seed))
        for name in ABLATIONS
        for seed in study.seeds
    ]


def ablation_step(name: str, seed: int) -> str:
    """Return the name of the step that trains an ablation."""
    return f"ablations/{name.replace(' ', '-').replace(',', '')}/seed{seed}"


def arrange(training: Digits, order: str, seed: int) -> Digits:
    """Return digits in the order in which a training without shuffling reads them.

    Args:
        training: the digits.
        order: `sorted` to sort them by label; anything else for one random order.
        seed: of the random order.
    """
    if order == "sorted":
        return training.take(np.argsort(training.labels, kind="stable"))
    return training.take(np.random.default_rng(seed).permutation(len(training)))


def _train_ablation(name: str, seed: int, study: Study) -> Result:
    model, order = ABLATIONS[name]
    training = digits.load_training(study)
    spec = TrainingSpec(
        name=f"ablation-{model}-{order.replace(' ', '-')}-seed{seed}",
        model=model,
        digits=arrange(training, order, seed),
        seed=seed,
        epochs=study.scale.epochs,
        shuffled=order == "shuffled",
    )
    trained = networks.train(study, spec)
    train_accuracy = networks.accuracy(trained.model, training.first(TRAIN_ACCURACY_DIGITS))
    answers = networks.predict(trained.model, digits.load_test(study).pixels)
    return Result({"train_accuracy": train_accuracy}, {"test": answers.astype(np.int8)})


def _train_long(seed: int, study: Study) -> Result:
    """Measure the accuracy on training digits and on held-out digits after each epoch."""
    training = digits.load_training(study)
    measured = training.first(TRAIN_ACCURACY_DIGITS)
    spec = TrainingSpec(
        name=f"long-seed{seed}",
        model="classic",
        digits=training,
        seed=seed,
        epochs=study.scale.long,
    )
    trained = networks.train(study, spec, lambda model: networks.accuracy(model, measured))
    held_out = [row["validation_accuracy"] for row in trained.rows]
    return Result({"train": trained.epoch_scores, "held": held_out})


def _train_on_random_labels(study: Study) -> Result:
    """Train on random labels; measure on the same digits, and on test digits with true labels."""
    sample = digits.load_training(study).sample(study.scale.random, study.seed)
    labels = np.random.default_rng(study.seed).integers(0, 10, len(sample))
    relabelled = Digits(sample.pixels, labels)
    spec = TrainingSpec(
        name="random-labels",
        model="classic",
        digits=relabelled,
        seed=study.seed,
        epochs=MEMORIZATION_EPOCHS_FACTOR * study.scale.epochs,
    )
    trained = networks.train(study, spec, lambda model: networks.accuracy(model, relabelled))
    test_accuracy = networks.accuracy(trained.model, digits.load_test(study))
    return Result({"train": trained.epoch_scores, "test": test_accuracy})
