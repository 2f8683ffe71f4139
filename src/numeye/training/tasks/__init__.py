"""What differs between the trainings of the tasks: one file a task.

`trainer_for` is the only place that asks which task a recipe has. All other code uses the
`TaskTrainer` that it returns.
"""

from __future__ import annotations

from typing import Any

from numeye.errors import UsageError
from numeye.models.recipe import Recipe
from numeye.training.tasks.classification import ClassificationTrainer
from numeye.training.tasks.detection import DetectionTrainer
from numeye.training.tasks.localization import LocalizationTrainer
from numeye.training.tasks.trainer import TaskTrainer
from numeye.training.tasks.transcription import TranscriptionTrainer

TRAINERS: dict[str, TaskTrainer] = {
    trainer.task.name: trainer
    for trainer in (
        ClassificationTrainer(),
        LocalizationTrainer(),
        DetectionTrainer(),
        TranscriptionTrainer(),
    )
}


def trainer_for(recipe: Recipe) -> TaskTrainer:
    """Return what trains and exports the networks of a recipe's task."""
    return TRAINERS[recipe.task]


def create_loss(recipe: Recipe) -> Any:
    """Return a recipe's loss function, which also has a method `correct`.

    Raises:
        UsageError: the recipe names another loss than its task has.
    """
    trainer = trainer_for(recipe)
    if recipe.loss != trainer.task.loss:
        raise UsageError(
            f"recipe {recipe.name}: no loss {recipe.loss!r}; expected {trainer.task.loss}"
        )
    return trainer.loss()
