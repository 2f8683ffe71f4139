"""What units answer to: edges of one direction in conv1; corners, curves and loops in conv2.

Answers to drawn patterns, of trained networks and of the same with their first random weights.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.evidence import layers
from numeye.training.evidence.hierarchy import KINDS, network
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import CNN, result_name

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

ANGLES = np.arange(0, 180, 15)  # degrees
WAVES = (4, 6, 8)  # pixels
PHASES = np.arange(8) / 8 * 2 * np.pi
SHAPES = ("line", "corner", "curve", "loop")
RADII = (2.0, 2.6, 3.2)  # pixels: about how large a shape is; one unit of conv2 sees 8x8
ENERGY = 3.0  # root of the sum of squares in the middle 8x8, the same for each shape, so that none is stronger
TURNS = np.arange(0, 360, 30)  # degrees by which each shape is turned
SILENT = 1e-6  # the mean answer of a unit that answers to nothing
THICK, FINE = 1.5, 8  # pixels of a stroke; and how much finer shapes are drawn before they are averaged


def steps(study: Study) -> list[Step]:
    """Both networks of every seed."""
    return [
        Step(name_of(kind, seed), partial(_tuning, kind, seed), [result_name(CNN, seed)])
        for kind in KINDS
        for seed in study.seeds
    ]


def name_of(kind: str, seed: int) -> str:
    """Of the step that asks one network."""
    return f"tuning/{kind}/seed{seed}"


def gratings(wave: float) -> Float32[np.ndarray, "angles phases 28 28"]:
    """Stripes of 0 to 1, so many pixels wide; of 0 degrees upright, and turned with the clock from there."""
    rows, columns = np.mgrid[0:28, 0:28]
    angles = np.deg2rad(ANGLES)[:, None, None, None]
    across = columns * np.cos(angles) + rows * np.sin(angles)
    return np.asarray(0.5 + 0.5 * np.cos(2 * np.pi * across / wave - PHASES[None, :, None, None]), np.float32)


def orientation_selectivity(tuning: Float64[np.ndarray, "units angles"]) -> Float64[np.ndarray, " units"]:
    """One less the circular variance, 0 (all directions alike) to 1 (one alone); nan for units that never answer.

    Ringach, Shapley and Hawken 2002, https://doi.org/10.1523/JNEUROSCI.22-13-05639.2002.
    """
    total = tuning.sum(axis=1)
    vector = np.abs(tuning @ np.exp(2j * np.deg2rad(ANGLES)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 1e-9, vector / total, np.nan)


def shapes(name: str) -> Float32[np.ndarray, "variants 28 28"]:
    """Strokes of about the size of what one unit of conv2 sees (8 pixels), turned all ways, in three sizes."""
    drawn = np.array([_drawn(name, turn, radius) for radius in RADII for turn in TURNS.tolist()])
    energy = np.linalg.norm(drawn[:, 10:18, 10:18], axis=(1, 2), keepdims=True)
    return np.asarray(drawn * ENERGY / energy, np.float32)


def _drawn(name: str, turn: float, radius: float) -> np.ndarray:
    """A line, a right angle of two equal arms, a half circle and a circle, their middles in the middle."""
    angles = np.linspace(0, 2 * np.pi, 49)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    curves = {
        "line": radius * np.array([[-1.5, 0], [1.5, 0]]),
        "corner": radius * np.array([[1.2, -0.6], [-0.6, -0.6], [-0.6, 1.2]]),
        "curve": radius * (1.2 * circle[:25] - [0, 0.6]),
        "loop": radius * circle,
    }
    radians = np.deg2rad(turn)
    turned = curves[name] @ np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    canvas = np.zeros((28 * FINE, 28 * FINE), np.uint8)
    points = np.rint((turned + 14) * FINE).astype(np.int32)
    cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, 255, int(THICK * FINE), cv2.LINE_AA)
    fine: np.ndarray = canvas.reshape(28, FINE, 28, FINE).mean(axis=(1, 3)) / 255
    return fine


def _tuning(kind: str, seed: int, study: Study) -> Result:
    model = network(study, kind, seed)
    curves = []
    for wave in WAVES:
        stripes = gratings(wave).reshape(-1, 28, 28)
        said = layers.seen(model, stripes, pooled=False)["conv1"][:, :, 14, 14]
        # How far the answer swings while the stripes pass by: how bright they are on the whole has no part in it.
        curves.append(np.ptp(said.reshape(len(ANGLES), len(PHASES), -1), axis=1).T)  # (units, angles)
    tuning = np.max(curves, axis=0).astype(np.float64)  # of the wave that suits each best
    empty = layers.seen(model, np.zeros((1, 28, 28), np.float32), pooled=False)["conv2"]
    # Of a shape in the middle, the strongest answer near the middle of the map, above that to an empty picture.
    above = [layers.seen(model, shapes(name), pooled=False)["conv2"] - empty for name in SHAPES]
    answers = np.array([one[:, :, 5:9, 5:9].max(axis=(2, 3)).T for one in above])  # (shapes, units, variants)
    return Result({}, {"tuning": tuning, "selectivity": orientation_selectivity(tuning), "shapes": answers.clip(min=0)})


def preferred(answers: np.ndarray) -> np.ndarray:
    """Of each unit that answers at all, the number of the shape that it answers to most."""
    means = answers.mean(axis=2)
    best: np.ndarray = means[:, means.max(axis=0) > SILENT].argmax(axis=0)
    return best


def shape_selectivity(answers: np.ndarray) -> np.ndarray:
    """(best - rest) / (best + rest) of each unit's mean answers (shapes, units, variants); nan where it is silent."""
    means = answers.mean(axis=2)
    best = means.max(axis=0)
    rest = (means.sum(axis=0) - best) / (len(means) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(best > SILENT, (best - rest) / (best + rest), np.nan)
