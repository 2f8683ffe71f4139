"""Each task has a trainer, and the trainer fits the task."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from numeye.errors import UsageError
from numeye.models.recipe import RunConfig, list_recipes, load_recipe
from numeye.models.task import ANY, CHANNELS, TASKS
from numeye.training.synthetic.disk_cache import Lines, Pool, Tiles
from numeye.training.synthetic.specs import LineSpec, PoolSpec, Spec, TileSpec
from numeye.training.tasks import TRAINERS, create_loss, trainer_for


def test_each_task_has_a_trainer() -> None:
    assert set(TRAINERS) == set(TASKS)
    for name in list_recipes():
        assert trainer_for(load_recipe(name)).task.name == load_recipe(name).task


@pytest.mark.parametrize("name", TRAINERS)
def test_samples_and_outputs_have_the_shapes_of_the_task(name: str) -> None:
    trainer = TRAINERS[name]
    sides = zip(trainer.example_shape, trainer.task.input_shape, strict=True)
    assert all(side == expected or expected == ANY for side, expected in sides)
    assert len(trainer.signature.outputs) == len(trainer.task.output_shapes)
    for shape in trainer.task.output_shapes:
        assert len(shape) == len(trainer.output_shape)
    channels = [shape[0] for shape in trainer.task.output_shapes]
    assert channels in ([CHANNELS], [ANY]) or sum(channels) == trainer.output_shape[0]


def test_an_unknown_loss_is_refused() -> None:
    recipe = replace(load_recipe("classic"), loss="hinge")
    with pytest.raises(UsageError, match="no loss 'hinge'; expected cross-entropy"):
        create_loss(recipe)


def test_cards_name_the_data_and_its_licences() -> None:
    recipe = load_recipe("detector")
    trainer = trainer_for(recipe)
    with_pens = trainer.card_data(RunConfig(recipe=recipe, epochs=1))
    assert with_pens["data"] == "mnist, pendigits"
    assert "CC BY-SA 3.0" in with_pens["licence"]
    assert "pendigits (Alpaydin, Alimoglu 1998), CC BY 4.0" in with_pens["licence"]
    without = RunConfig(recipe=replace(recipe, pendigits=False), epochs=1)
    assert trainer.card_data(without)["data"] == "mnist"
    assert "pendigits" not in trainer.card_data(without)["licence"]
    own = RunConfig(recipe=load_recipe("classic"), epochs=1, data="folder/own")
    assert trainer.card_data(own) == {"data": "own", "licence": None}


@pytest.mark.parametrize("name", ["detector", "recognizer", "transcription"])
def test_pools_follow_the_split_and_the_switch_of_the_recipe(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Spec] = []
    kinds = {PoolSpec: Pool, TileSpec: Tiles, LineSpec: Lines}

    def open_rows(spec: Spec, *_: object, **__: object) -> Pool | Tiles | Lines:
        opened.append(spec)
        return kinds[type(spec)]([np.zeros(200, spec.row)])

    recipe = load_recipe(name)
    trainer = trainer_for(recipe)
    module = sys.modules[type(trainer).__module__]
    for function in {"open_tiles", "open_pool", "open_lines"} & set(vars(module)):
        monkeypatch.setattr(module, function, open_rows)
    for pendigits in (True, False):
        opened.clear()
        config = RunConfig(recipe=replace(recipe, pendigits=pendigits), epochs=1)
        loaders = trainer.make_loaders(config)
        assert loaders.writers
        assert all(spec.writers for spec in opened)
        # nothing validates on writers whose trajectories are learned from
        assert {spec.split for spec in opened if spec.pendigits} == (
            {"fit"} if pendigits else set()
        )
        assert {spec.pendigits for spec in opened if spec.split == "fit"} == {pendigits}
