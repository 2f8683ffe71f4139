"""What do units of the convolutions answer to?

conv1 is shown stripes of each direction, conv2 lines, corners, curves and loops. Both are measured
in trained networks, and in the same networks with their first random weights.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.study.experiments import layers
from numeye.study.experiments.hierarchy import KINDS, load_network
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.steps import Result, Step, Study
from numeye.training.networks import Classic

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64

ANGLES_DEGREES = np.arange(0, 180, 15)
WAVELENGTHS_PX = (4, 6, 8)
PHASES_RADIANS = np.arange(8) / 8 * 2 * np.pi
SHAPES = ("line", "corner", "curve", "loop")
RADII_PX = (2.0, 2.6, 3.2)  # of a shape; the receptive field of conv2 is 8x8
TURNS_DEGREES = np.arange(0, 360, 30)  # by which each shape is rotated
# Norm of the middle 8x8 pixels, the same for each shape, so that none has more contrast.
SHAPE_NORM = 3.0
STROKE_PX = 1.5
OVERSAMPLING = 8  # shapes are drawn so many times finer, then averaged
MIN_ANSWER = 1e-6  # a unit whose mean answer is smaller is silent
MIN_TOTAL = 1e-9  # a unit whose answers to stripes sum to less is silent


def steps(study: Study) -> list[Step]:
    """Return the steps: the trained and the untrained network of every seed."""
    return [
        Step(tuning_step(kind, seed), partial(_measure, kind, seed), [training_step(CNN, seed)])
        for kind in KINDS
        for seed in study.seeds
    ]


def tuning_step(kind: str, seed: int) -> str:
    """Return the name of the step that measures a network."""
    return f"tuning/{kind}/seed{seed}"


def gratings(wavelength_px: float) -> Float32[np.ndarray, "angles phases 28 28"]:
    """Return stripes of values 0 to 1, of each direction and phase.

    Stripes of 0 degrees are vertical; larger angles turn them clockwise.
    """
    rows, columns = np.mgrid[0:28, 0:28]
    angles = np.deg2rad(ANGLES_DEGREES)[:, None, None, None]
    across = columns * np.cos(angles) + rows * np.sin(angles)
    phases = PHASES_RADIANS[None, :, None, None]
    return np.asarray(0.5 + 0.5 * np.cos(2 * np.pi * across / wavelength_px - phases), np.float32)


def orientation_selectivity(
    answers: Float64[np.ndarray, "units angles"],
) -> Float64[np.ndarray, " units"]:
    """Return one minus the circular variance of each unit's answers; nan for a silent unit.

    It is 0 if all directions are answered alike, and 1 if only one is answered. Ringach, Shapley
    and Hawken 2002, https://doi.org/10.1523/JNEUROSCI.22-13-05639.2002.
    """
    total = answers.sum(axis=1)
    vector = np.abs(answers @ np.exp(2j * np.deg2rad(ANGLES_DEGREES)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > MIN_TOTAL, vector / total, np.nan)


def shape_pictures(name: str) -> Float32[np.ndarray, "variants 28 28"]:
    """Return pictures of a shape in the middle, in three sizes and rotated in all directions.

    They are about as large as the receptive field of a unit of conv2.
    """
    drawn = np.array(
        [_draw_shape(name, turn, radius) for radius in RADII_PX for turn in TURNS_DEGREES.tolist()]
    )
    norm = np.linalg.norm(drawn[:, 10:18, 10:18], axis=(1, 2), keepdims=True)
    return np.asarray(drawn * SHAPE_NORM / norm, np.float32)


def _draw_shape(name: str, turn_degrees: float, radius_px: float) -> Float64[np.ndarray, "28 28"]:
    """Return a line, a right angle of two equal arms, a half circle or a circle."""
    angles = np.linspace(0, 2 * np.pi, 49)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = {
        "line": radius_px * np.array([[-1.5, 0], [1.5, 0]]),
        "corner": radius_px * np.array([[1.2, -0.6], [-0.6, -0.6], [-0.6, 1.2]]),
        "curve": radius_px * (1.2 * circle[:25] - [0, 0.6]),
        "loop": radius_px * circle,
    }[name]
    radians = np.deg2rad(turn_degrees)
    rotated = points @ np.array(
        [[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]]
    )
    canvas = np.zeros((28 * OVERSAMPLING, 28 * OVERSAMPLING), np.uint8)
    line = np.rint((rotated + 14) * OVERSAMPLING).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], False, 255, int(STROKE_PX * OVERSAMPLING), cv2.LINE_AA)
    blocks = canvas.reshape(28, OVERSAMPLING, 28, OVERSAMPLING)
    averaged: np.ndarray = blocks.mean(axis=(1, 3)) / 255
    return averaged


def _measure(kind: str, seed: int, study: Study) -> Result:
    model = load_network(study, kind, seed)
    tuning = _answers_to_gratings(model)
    return Result(
        {},
        {
            "tuning": tuning,
            "selectivity": orientation_selectivity(tuning),
            "shapes": _answers_to_shapes(model),
        },
    )


def _answers_to_gratings(model: Classic) -> Float64[np.ndarray, "units angles"]:
    """Return how much the activation of each unit changes with the phase of stripes.

    So the mean brightness of the stripes does not count. Each unit has the wavelength that it
    answers to most.
    """
    curves = []
    for wavelength in WAVELENGTHS_PX:
        stripes = gratings(wavelength).reshape(-1, 28, 28)
        activations = layers.activations(model, stripes, pooled=False)["conv1"][:, :, 14, 14]
        by_phase = activations.reshape(len(ANGLES_DEGREES), len(PHASES_RADIANS), -1)
        curves.append(np.ptp(by_phase, axis=1).T)  # (units, angles)
    tuning: np.ndarray = np.max(curves, axis=0).astype(np.float64)
    return tuning


def _answers_to_shapes(model: Classic) -> Float32[np.ndarray, "shapes units variants"]:
    """Return how much stronger each unit of conv2 answers to a shape than to an empty picture.

    The answer is the highest activation near the middle of the map.
    """
    empty = layers.activations(model, np.zeros((1, 28, 28), np.float32), pooled=False)["conv2"]
    answers = []
    for name in SHAPES:
        conv2 = layers.activations(model, shape_pictures(name), pooled=False)["conv2"]
        answers.append((conv2 - empty)[:, :, 5:9, 5:9].max(axis=(2, 3)).T)  # (units, variants)
    return np.array(answers).clip(min=0)


def preferred_shapes(
    answers: Float32[np.ndarray, "shapes units variants"],
) -> Int64[np.ndarray, " answering"]:
    """Return the index of the shape that each unit answers to most, without silent units."""
    means = answers.mean(axis=2)
    preferred: np.ndarray = means[:, means.max(axis=0) > MIN_ANSWER].argmax(axis=0)
    return preferred


def shape_selectivity(
    answers: Float32[np.ndarray, "shapes units variants"],
) -> Float32[np.ndarray, " units"]:
    """Return (best - rest) / (best + rest) of each unit's mean answers; nan for a silent unit."""
    means = answers.mean(axis=2)
    best = means.max(axis=0)
    rest = (means.sum(axis=0) - best) / (len(means) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(best > MIN_ANSWER, (best - rest) / (best + rest), np.nan)
