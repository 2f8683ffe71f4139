from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import DataSet, Reader, evaluate, open_data
from numeye.errors import DataError, UsageError
from numeye.evaluation.digits import DigitsResult, framing_of
from numeye.recognition.preprocessing import resize_only


@pytest.fixture(scope="module")
def result(mnist_cache: Path) -> DigitsResult:
    return evaluate(Reader("classic"), open_data("mnist:validation", cache=mnist_cache))


def test_accuracy_is_correct_divided_by_total(
    result: DigitsResult, train_labels: np.ndarray
) -> None:
    data = open_data("mnist:validation")
    pixels = np.asarray(data.pictures, np.float32) / 255
    answers = Reader("classic").logits(pixels).argmax(axis=1)
    assert result.correct == int((answers == data.digits()).sum())
    assert result.accuracy == result.correct / 5000 * 100
    assert result.confusion.sum() == 5000
    assert int(np.trace(result.confusion[:, :10])) == result.correct
    assert all(right is not None and right > 95 for right in result.per_digit())


def test_the_worst_mistakes_are_wrong_and_the_surest_come_first(result: DigitsResult) -> None:
    worst = result.mistake_indices()
    assert len(worst) == 5000 - result.correct
    assert (result.answers[worst] != result.labels[worst]).all()
    assert (np.diff(result.confidences[worst]) <= 0).all()
    assert result.draw_mistakes(8).height < result.draw_mistakes(40).height


def test_confidence_is_honest_on_digits_the_weights_were_not_fitted_to(
    result: DigitsResult,
) -> None:
    assert result.to_dict()["ece"] < 1.0


def test_the_reader_framing_costs_little_on_digits_saved_as_pictures(
    train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    """Dark on light, five times as large, off-centre: as people's files are."""
    pictures = []
    for digit in train_images[:400]:
        sheet = np.full((260, 240), 250, np.uint8)
        large = np.asarray(Image.fromarray(digit).resize((140, 140)))
        sheet[90:230, 20:160] -= np.rint(large * (220 / 255)).astype(np.uint8)
        pictures.append(sheet)
    data = DataSet(
        name="sheets", pictures=pictures, labels=tuple(map(str, train_labels[:400].tolist()))
    )
    assert evaluate(Reader("classic"), data).accuracy > 95


def test_what_the_reader_rejects_counts_by_its_best_answer(train_images: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    data = DataSet(
        name="three",
        pictures=[train_images[1], np.zeros((28, 28), np.uint8), noise],
        labels=("0", "0", "1"),
    )
    result = evaluate(Reader("classic"), data)
    assert result.accepted.tolist() == [True, False, False]
    assert result.answers[0] == 0
    assert result.answers[1] == -1
    assert 0 <= result.answers[2] <= 9
    figures = result.to_dict()
    assert figures["rejected"] == pytest.approx(200 / 3)
    assert figures["accuracy_accepted"] == 100
    assert result.confusion[0, 10] == 1


def test_none_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no")
    data = DataSet(name="none", pictures=[str(tmp_path / "no.png")], labels=("1",))
    with pytest.raises(DataError, match="none of its 1 pictures can be read"):
        evaluate(Reader("classic"), data)


def test_what_is_accepted_is_the_coverage(result: DigitsResult) -> None:
    figures = result.to_dict()
    assert figures["coverage"] + figures["rejected"] == 100
    assert (figures["framing"], result.framing) == ("classical", "classical")


def test_naive_framing_only_resizes(
    train_images: np.ndarray, train_labels: np.ndarray, tmp_path: Path
) -> None:
    """A digit in a corner of its paper: framed it is read, squeezed it is not where it was."""
    sheets = np.full((40, 84, 84), 255, np.uint8)
    sheets[:, :28, :28] -= train_images[:40]
    data = DataSet(
        name="corner", pictures=sheets, labels=tuple(map(str, train_labels[:40].tolist()))
    )
    reader = Reader("classic")
    naive, classical = evaluate(reader, data, naive=True), evaluate(reader, data)
    pixels = np.stack([resize_only(sheet) for sheet in sheets])
    assert naive.answers.tolist() == reader.probabilities(pixels).argmax(axis=1).tolist()
    assert naive.accepted.all()
    assert naive.correct + 10 < classical.correct
    assert "naive framing" in str(naive)


def test_naive_framing_leaves_mnist_as_it_is(mnist_cache: Path) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(300))
    reader = Reader("classic")
    assert np.array_equal(
        evaluate(reader, data, naive=True).confidences, evaluate(reader, data).confidences
    )


def test_naive_framing_names_what_cannot_be_read(
    train_images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numeye.evaluation.digits.NAIVE_BATCH", 2)
    pictures = [
        train_images[0],
        str(tmp_path / "no.png"),
        str(tmp_path / "none.png"),
        str(tmp_path),
        train_images[1],
    ]
    data = DataSet(name="five", pictures=pictures, labels=("5", "1", "1", "1", "0"))
    counts: list[int] = []
    naive = evaluate(Reader("classic"), data, naive=True, progress=counts.append)
    assert (naive.answers.tolist(), len(naive.failed), counts) == ([5, 0], 3, [2, 4, 5])


def test_only_models_that_expect_mnists_frame_leave_a_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Reader("classic")
    assert [framing_of(reader, requested) for requested in (None, "classical", "naive")] == [
        "classical",
        "classical",
        "naive",
    ]
    with pytest.raises(UsageError, match="expected classical or naive"):
        framing_of(reader, "neat")
    reader.model = replace(reader.model, card={"task": "localization"})
    assert framing_of(reader) == "localization"
    with pytest.raises(UsageError, match="classic has its own framing"):
        framing_of(reader, "classical")
    with pytest.raises(UsageError, match="classic has its own framing"):
        evaluate(
            reader,
            DataSet(name="one", pictures=np.zeros((1, 9, 9), np.uint8), labels=("1",)),
            naive=True,
        )
