"""Maximum likelihood fits of a few weights, by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

MAX_ITERATIONS = 200


def fit_logistic(features: Tensor, truth: Tensor, start: tuple[float, ...]) -> list[float]:
    """Return the weights of a logistic regression.

    Args:
        features: (N, K) of float64.
        truth: (N,) of bool.
        start: K weights to begin with.
    """
    return minimize(
        lambda w: functional.binary_cross_entropy_with_logits(features @ w, truth.double()), start
    )


def minimize(loss: Callable[[Tensor], Tensor], start: tuple[float, ...]) -> list[float]:
    """Return the weights at which a smooth loss is smallest.

    Args:
        loss: of weights (K,).
        start: K weights to begin with.
    """
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(weights)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    fitted: list[float] = weights.detach().tolist()
    return fitted
