"""Logits, log-odds and probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

NO_DIGIT = 10  # index of "no digit" among the eleven classes


def log_odds(logits: Float[np.ndarray, "n 11"]) -> Float64[np.ndarray, " n"]:
    """Return the log-odds of no digit against the ten digits."""
    digits = logits[:, :NO_DIGIT].astype(np.float64)
    top = digits.max(axis=1)
    odds: np.ndarray = logits[:, NO_DIGIT] - top - np.log(np.exp(digits - top[:, None]).sum(axis=1))
    return odds


def softmax(logits: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes"]:
    """Return probabilities from logits; each row sums to 1."""
    powers: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def log_softmax(logits: Float[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n classes"]:
    """Return logarithms of probabilities; the probabilities of each row sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def sigmoid(logits: Float64[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    """Return probabilities from log-odds."""
    probabilities: np.ndarray = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities
