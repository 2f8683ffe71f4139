"""The Adversarial Robustness Toolbox, imported without its side effect.

On import it creates the folder `.art` in the user's home; here that folder goes elsewhere.
"""

from __future__ import annotations

from numeye.io.cache_folders import temporary_home

with temporary_home():
    from art.attacks.evasion import (
        AutoAttack,
        AutoProjectedGradientDescent,
        DeepFool,
        FastGradientMethod,
        ProjectedGradientDescent,
        SquareAttack,
    )
    from art.estimators.classification import PyTorchClassifier

__all__ = [
    "AutoAttack",
    "AutoProjectedGradientDescent",
    "DeepFool",
    "FastGradientMethod",
    "ProjectedGradientDescent",
    "PyTorchClassifier",
    "SquareAttack",
]
