"""Transcription: samples, a user's own lines, and the exported network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from numeye.errors import DataError, NumeyeError, UsageError
from numeye.models.card import Model
from numeye.models.characters import CHARACTERS
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.runtime import Network
from numeye.models.task import TRANSCRIPTION
from numeye.training.networks import create_model
from numeye.training.onnx_export import check_parity, to_onnx
from numeye.training.synthetic.lines.line import Line
from numeye.training.tasks import transcription
from numeye.training.tasks.own_lines import OwnLines, load_own_lines
from numeye.training.tasks.text_line_samples import LinesInMemory, MixedLines, TextLineSamples
from numeye.training.tasks.transcription import TranscriptionTrainer, validate


def line(text: str, width: int) -> Line:
    """Return a line of one grey level."""
    labels = np.array([CHARACTERS.index(character) for character in text], np.int64)
    return Line(picture=np.full((32, width), 10 * len(text), np.uint8), labels=labels)


LINES = [line("7" * (1 + number % 5), 16 + 4 * number) for number in range(40)]


def test_lines_of_about_the_same_width_are_in_one_batch() -> None:
    samples = TextLineSamples(LinesInMemory(LINES), 8, torch.Generator().manual_seed(1))
    batches = list(samples)
    assert [len(targets) for _, targets in batches] == [8] * 5
    lengths = [int((row >= 0).sum()) for _, targets in batches for row in targets]
    assert sorted(lengths) == sorted(len(line.labels) for line in LINES)  # each line once
    widths = [images.shape[3] for images, _ in batches]
    assert all(width % 4 == 0 for width in widths)
    assert max(widths) > 1.8 * min(widths)
    assert widths != sorted(widths)
    again = TextLineSamples(LinesInMemory(LINES), 8, torch.Generator().manual_seed(1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches, again, strict=True))


def test_validation_lines_are_not_changed() -> None:
    samples = TextLineSamples(LinesInMemory(LINES), 16)
    images, targets = next(iter(samples))
    assert images.shape[:3] == (16, 1, 32)
    for image, row in zip(images, targets, strict=True):
        count = int((row >= 0).sum())
        assert row[:count].tolist() == [7] * count
        assert image.unique().tolist() == [pytest.approx(10 * count / 255)]
    assert len(list(samples)) == 3  # the last one is not full


def test_own_lines_are_repeated_among_synthetic_ones() -> None:
    mixed = MixedLines(LinesInMemory([line("1", 16), line("2", 20)]), LinesInMemory(LINES), 3)
    assert len(mixed) == 46
    assert [mixed.line(number).text for number in range(40, 46)] == ["1", "2"] * 3
    assert mixed.widths.tolist() == [line.picture.shape[1] for line in LINES] + [16, 20] * 3


# --- a user's own pictures


def write_set(folder: Path, labels: list[str]) -> str:
    """Write a data folder with a picture for each label."""
    rows = ["file,label,layout"]
    for number, label in enumerate(labels):
        picture = Image.new("L", (220, 60), 235)
        draw = ImageDraw.Draw(picture)
        draw.text((40, 8), label, fill=20, font=ImageFont.load_default(32))
        picture.save(folder / f"{number}.png")
        rows.append(f'{number}.png,"{label}",numbers')
    (folder / "labels.csv").write_text("\n".join(rows))
    return str(folder)


def test_own_pictures_become_lines_with_signs(tmp_path: Path) -> None:
    labels = [f"-{number}.5" for number in range(10, 34)] + ["1 250"]
    own = load_own_lines(write_set(tmp_path, labels), lambda _: None)
    assert len(own.fit), len(own.validation) == (23, 2)
    texts = [line.text for line in own.fit + own.validation]
    assert sorted(texts) == sorted(label.replace(" ", "") for label in labels)
    for each in own.fit:
        high, wide = each.picture.shape
        assert high == 32
        assert wide < 140  # without the empty paper at the sides
        assert each.picture.min() < 80


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("12x5", r"the label '12x5' has 'x'; expected digits, the signs"),
        ("--", r"the label '--' has no digit"),
        ("12\n13", r"has 2 lines; expected one number a picture"),
        ("1" * 40, r"has 40 characters; expected at most 32"),
    ],
)
def test_labels_that_the_task_does_not_know_are_refused(
    label: str, message: str, tmp_path: Path
) -> None:
    data = write_set(tmp_path, [*["12.5"] * 12, label])
    with pytest.raises(DataError, match=message) as error:
        load_own_lines(data, lambda _: None)
    assert "\n" not in str(error.value)


def test_other_data_sets_are_refused(few_digits: Path, tmp_path: Path) -> None:
    config = RunConfig(recipe=load_recipe("transcription"), epochs=1, data=str(few_digits))
    with pytest.raises(UsageError, match="its layout is digit; expected numbers"):
        TranscriptionTrainer().make_loaders(config)
    with pytest.raises(UsageError, match="holds single digits"):
        TranscriptionTrainer().make_loaders(replace(config, data="mnist:train"))
    with pytest.raises(NumeyeError, match="3 pictures; training needs at least 12"):
        load_own_lines(write_set(tmp_path, ["12", "13", "14"]), lambda _: None)


def test_half_of_the_samples_are_own_lines_and_only_they_validate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = OwnLines(fit=LINES[:6], validation=LINES[6:8], digest="of the lines")
    monkeypatch.setattr(transcription, "load_own_lines", lambda *_: own)
    monkeypatch.setattr(transcription.mnist, "fetch", lambda *_, **__: None)
    monkeypatch.setattr(transcription, "open_lines", lambda *_, **__: LinesInMemory(LINES * 3))
    config = RunConfig(recipe=load_recipe("transcription"), epochs=1, data="folder/own")
    loaders = TranscriptionTrainer().make_loaders(config)
    pool = loaders.train.dataset
    assert len(pool) == 120 + 20 * 6
    assert [pool.line(number).text for number in range(120, 126)] == [
        line.text for line in LINES[:6]
    ]
    assert len(loaders.validation.dataset) == 2
    assert loaders.digest == "of the lines"


def test_the_card_names_own_and_synthetic_data() -> None:
    recipe = load_recipe("transcription")
    own = RunConfig(recipe=recipe, epochs=1, data="folder/own")
    about = TranscriptionTrainer().card_data(own)
    assert about == {"data": "own, mnist, pendigits", "licence": None}


# --- the exported network


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("transcription").eval()


@pytest.fixture(scope="module")
def graph(network: torch.nn.Module) -> bytes:
    return to_onnx(network, torch.zeros(2, 1, 32, 128), TranscriptionTrainer.signature)


@pytest.mark.parametrize(("count", "width"), [(1, 16), (3, 100), (2, 448)])
def test_onnx_computes_what_torch_computes_for_any_width_and_batch(
    count: int, width: int, network: torch.nn.Module, graph: bytes
) -> None:
    logits = check_parity(network, graph, torch.rand(count, 1, 32, width))
    assert logits.shape == (count, width // 4, 29)


def test_the_runtime_knows_the_task_by_its_shapes(graph: bytes) -> None:
    assert len(graph) < 2_000_000
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert [port.shape[1:] for port in session.get_outputs()] == [["w", 29]]
    network = Network(Model(name="lines", onnx=graph, card={}), 1)
    assert network.task == TRANSCRIPTION.name
    network.release()  # without a crash: a recurrent layer needs at least one picture
    assert network(np.zeros((2, 32, 64), np.float32))[0].shape == (2, 16, 29)


def test_validation_counts_strings_and_characters(network: torch.nn.Module) -> None:
    lines = TextLineSamples(LinesInMemory(LINES), 8)
    entry = validate(network, lines)
    assert entry["n"] == len(LINES)
    assert 0 <= entry["correct"] <= entry["n"]
    assert entry["accuracy"] == entry["correct"] / entry["n"] * 100
    assert entry["interval"][0] <= entry["accuracy"] <= entry["interval"][1]
    assert entry["cer"] > 0
