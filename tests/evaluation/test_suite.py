"""Evaluation of every data set of a folder, on folders like real ones."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import Reader, evaluate, open_data
from numeye.errors import DataError, OutputError, UsageError
from numeye.evaluation.digits import DigitsResult
from numeye.evaluation.result_table import ResultTable
from numeye.evaluation.suite import (
    Readers,
    ScoringLog,
    SkippedSet,
    evaluate_all,
    list_data_sets,
    print_evaluations,
)
from numeye.models import environment
from tests.conftest import Numeye


def save_npz(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    np.savez_compressed(path, images=images, labels=labels.astype(np.int64))


def save_table(folder: Path, images: np.ndarray, labels: list[str]) -> None:
    folder.mkdir()
    lines = ["file,label"]
    for number, (picture, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(picture).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{label}")
    (folder / "labels.csv").write_text("\n".join(lines))


@pytest.fixture
def folder(tmp_path: Path, train_images: np.ndarray, train_labels: np.ndarray) -> Path:
    """Two sets of digits, dark on light, one of strings, one of grids, and other entries."""
    root = tmp_path / "wild"
    root.mkdir()
    images, labels = 255 - train_images[:12], train_labels[:12]
    save_npz(root / "b.npz", images, labels)
    save_table(root / "a", images[:5], [str(label) for label in labels[:5].tolist()])
    save_table(root / "grids", images[:2], ["12/3?", "04/50"])
    save_table(root / "strings", images[:2], ["407", "1"])
    (root / "notes").mkdir()
    (root / ".hidden").mkdir()
    (root / "README.md").write_text("# about")
    return root


def readers(model: str = "classic", max_error: float | None = None) -> Readers:
    return Readers(model, max_error, lambda line: None)


def print_all(folder: Path, **options: object) -> tuple[bool, list[str], list[str]]:
    output: list[str] = []
    messages: list[str] = []
    complete = print_evaluations(
        readers(), folder, print_result=output.append, print_message=messages.append, **options
    )  # type: ignore[arg-type]
    return complete, "\n".join(output).splitlines(), messages


def test_each_data_set_is_scored_as_it_is_alone(folder: Path) -> None:
    reader = Reader("classic")
    results = list(evaluate_all(readers(), list_data_sets(folder)))
    names = [result.data if isinstance(result, DigitsResult) else result.name for result in results]
    assert names == ["a", "b.npz", "strings", "grids", "notes"]
    first, second = (result for result in results if isinstance(result, DigitsResult))
    for alone, together in ((folder / "a", first), (folder / "b.npz", second)):
        expected = evaluate(reader, open_data(str(alone)))
        assert {**together.to_dict(), "data": ""} == {**expected.to_dict(), "data": ""}
    skipped = [result for result in results if isinstance(result, SkippedSet)]
    assert [data.failed for data in skipped] == [False] * 3


def test_the_table_is_aligned_and_ends_with_the_mean(folder: Path) -> None:
    complete, (title, heading, *rows), messages = print_all(folder)
    assert complete
    assert title == "classic, framing classical"
    assert [row.split("  ")[0] for row in rows] == ["a", "b.npz", "mean of 2 sets"]
    assert len({len(line) for line in (heading, *rows[:2])}) == 1
    column = heading.index("accuracy %") + len("accuracy %")
    shown = [float(row[:column].split()[-1]) for row in rows]
    assert shown[2] == pytest.approx((shown[0] + shown[1]) / 2, abs=0.01)
    assert [line.split(":")[1].strip() for line in messages] == ["strings", "grids", "notes"]
    reason = "holds numbers, and classic reads one digit a picture"
    assert sum(reason in line for line in messages) == 2


def test_rows_are_printed_as_they_are_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def watched(*arguments: object, **options: object) -> DigitsResult:
        events.append("reads")
        return evaluate(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("numeye.evaluation.suite.evaluate", watched)
    print_evaluations(
        readers(),
        folder,
        print_result=lambda line: events.append(line[:1]),
        print_message=lambda line: None,
    )
    assert events == ["reads", "c", "a", "reads", "b", "m"]


def test_json_is_one_object_a_data_set_and_nothing_else(folder: Path) -> None:
    _, lines, _ = print_all(folder, json=True)
    first, second = map(json.loads, lines)
    assert (first["data"], first["n"], second["data"], second["n"]) == ("a", 5, "b.npz", 12)
    assert first["coverage"] == 100 - first["rejected"]
    assert list(first) == list(evaluate(Reader("classic"), open_data(str(folder / "a"))).to_dict())


@pytest.mark.parametrize(
    "fault", ["cut npz", "no table", "a letter", "a number below zero", "a lost picture"]
)
def test_a_damaged_set_is_reported_in_one_line_and_the_others_go_on(
    fault: str, folder: Path
) -> None:
    broken = folder / "aa"
    if fault == "cut npz":
        broken = folder / "aa.npz"
        broken.write_bytes((folder / "b.npz").read_bytes()[:60])
    elif fault == "no table":
        broken.mkdir()
        (broken / "labels.csv").write_text("name;digit\n")
    elif fault == "a number below zero":
        broken = folder / "aa.npz"
        save_npz(broken, np.zeros((2, 9, 9), np.uint8), np.array([3, -1]))
    else:
        save_table(
            broken, np.zeros((2, 9, 9), np.uint8), ["1", "x" if fault == "a letter" else "2"]
        )
    if fault == "a lost picture":
        (broken / "0.png").unlink()
    complete, lines, messages = print_all(folder)
    assert not complete
    assert [line.split()[0] for line in lines if line[0] in "ab"][-1] == "b.npz"
    assert sum(broken.name in line for line in messages) == 1


def test_a_set_that_cannot_be_opened_by_this_user_is_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("numeye.io.datasets.is_data_folder", closed)
    results = list(evaluate_all(readers(), [folder / "a", folder / "b.npz"]))
    assert isinstance(results[0], DigitsResult)
    assert isinstance(results[1], SkippedSet)
    assert results[1].failed


def test_a_folder_without_data_sets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no data set; expected data folders or .npz"):
        list_data_sets(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        list_data_sets(tmp_path / "missing")


def test_a_set_named_as_a_part_of_mnist_is_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a").rename(folder / "mnist")
    monkeypatch.chdir(folder)
    (result,) = evaluate_all(
        readers(), [path for path in list_data_sets(Path()) if path.name == "mnist"]
    )
    assert isinstance(result, DigitsResult)
    assert len(result.labels) == 5


def test_mistakes_are_a_sheet_a_set(folder: Path, tmp_path: Path) -> None:
    (folder / "a").rename(folder / "set.v1")
    print_all(folder, mistakes=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "b-mistakes.png",
        "set.v1-mistakes.png",
    ]


def test_a_table_of_nothing_has_no_mean() -> None:
    assert ResultTable("digit", "classic", ["a"]).mean() is None


def test_naive_framing_is_named_in_the_table(folder: Path) -> None:
    _, (title, *_), _ = print_all(folder, framing="naive")
    assert title == "classic, framing naive"
    with pytest.raises(UsageError, match="--framing neat: expected classical or naive"):
        print_all(folder, framing="neat")


def test_each_scoring_is_logged_with_its_reason(folder: Path, tmp_path: Path) -> None:
    log = ScoringLog(file=tmp_path / "logs" / "scorings.jsonl", reason="a new release")
    for framing in ("classical", "naive"):
        print_all(folder, log=log, framing=framing)
    lines = [json.loads(line) for line in log.file.read_text().splitlines()]
    assert [line["data"] for line in lines] == ["a", "b.npz"] * 2
    assert [line["framing"] for line in lines] == ["classical"] * 2 + ["naive"] * 2
    first, model = lines[0], Reader("classic").model
    assert datetime.now(UTC) - datetime.fromisoformat(first["time"]) < timedelta(minutes=5)
    assert (first["model"], first["model_sha256"]) == ("classic", model.card["sha256"])
    assert first["accuracy"] == first["correct"] / first["n"] * 100
    assert first["rejected"] == 0
    assert first["reason"] == "a new release"
    assert first["source"] == environment.source_revision()


def test_what_cannot_be_logged_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        ScoringLog(file=tmp_path, reason="why")
    for file, reason in ((tmp_path / "log", None), (tmp_path / "log", "  "), (None, "why")):
        with pytest.raises(UsageError, match="with it"):
            ScoringLog.from_options(file, reason)
    assert ScoringLog.from_options(None, None) is None
    assert not (tmp_path / "log").exists()


def test_the_command_ends_with_0_and_with_1_where_a_set_is_damaged(
    folder: Path, tmp_path: Path, numeye: Numeye
) -> None:
    log = tmp_path / "log.jsonl"
    process = numeye("evaluate", "classic", "--wild", folder, "--log", log, "--reason", "the test")
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1].startswith("mean of 2 sets")
    assert len(process.stderr.splitlines()) == 3
    assert len(log.read_text().splitlines()) == 2
    (folder / "c.npz").write_bytes(b"no")
    process = numeye("evaluate", "classic", "--wild", folder, "--json", "--framing", "naive")
    assert process.returncode == 1
    framings = [json.loads(line)["framing"] for line in process.stdout.splitlines()]
    assert framings == ["naive"] * 2
    assert "c.npz: not an .npz that can be read" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--wild", ".", "--data", "mnist"], "leave out --data and --report"),
        (["--wild", ".", "--report", "r.html"], "leave out --data and --report"),
        (["--wild", "missing"], "no such folder"),
        (["--wild", ".", "--log", "log"], "expected --reason TEXT with it"),
        (["--wild", ".", "--reason", "why"], "expected --log FILE with it"),
        (["--log", "log"], "expected --wild DIR with them"),
        (["--wild", ".", "--framing", "neat"], "expected classical or naive"),
        (["--framing", "neat"], "expected classical or naive"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(
    arguments: list[str], expected: str, tmp_path: Path, numeye: Numeye
) -> None:
    process = numeye("evaluate", *arguments, cwd=tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert len(process.stderr.splitlines()) == 1
    assert expected in process.stderr


def test_with_an_error_rate_the_log_has_it_and_the_accuracy_of_accepted_answers(
    folder: Path, tmp_path: Path
) -> None:
    log = ScoringLog(file=tmp_path / "log.jsonl", reason="a test")
    sets = [folder / "a", folder / "b.npz"]
    results = [
        result
        for result in evaluate_all(readers("recognizer", 0.05), sets, log=log)
        if isinstance(result, DigitsResult)
    ]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["max_error"] for line in lines] == [0.05, 0.05]
    assert [line["accuracy_accepted"] for line in lines] == [
        result.to_dict()["accuracy_accepted"] for result in results
    ]


def test_an_error_rate_that_only_digits_can_keep_leaves_numbers_out_and_says_so(
    folder: Path,
) -> None:
    output: list[str] = []
    messages: list[str] = []
    pair = readers("recognizer", 0.004)
    assert not print_evaluations(
        pair, folder, print_result=output.append, print_message=messages.append
    )
    lines = "\n".join(output).splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["a", "b.npz"]
    assert lines[4].startswith("mean of 2 sets")
    assert len(lines) == 5
    for name in ("strings", "grids"):
        (message,) = [
            line
            for line in messages
            if line.startswith(f"numeye: {name}: detector: its calibration")
        ]
        assert "cannot guarantee an error rate of at most 0.4 %" in message


def test_numbers_and_grids_have_tables_of_their_own(folder: Path) -> None:
    output: list[str] = []
    messages: list[str] = []
    complete = print_evaluations(
        readers("recognizer"), folder, print_result=output.append, print_message=messages.append
    )
    lines = "\n".join(output).splitlines()
    strings = lines.index("detector + recognizer")
    assert lines[strings + 1].split()[:3] == ["set", "n", "exact"]
    assert lines[strings + 2].split()[:2] == ["strings", "2"]
    grids = lines.index("detector + recognizer", strings + 1)
    assert lines[grids + 2].split()[:2] == ["grids", "7"]  # cells: one of eight is open
    assert not complete  # MNIST's digits are no grids, and that is reported
    assert sum("no grid found" in line for line in messages) == 2


def test_the_log_has_the_model_that_detected_the_numbers(folder: Path, tmp_path: Path) -> None:
    log = ScoringLog(file=tmp_path / "log.jsonl", reason="a test")
    (result,) = evaluate_all(readers("recognizer"), [folder / "strings"], log=log)
    assert not isinstance(result, SkippedSet)
    (line,) = [json.loads(line) for line in log.file.read_text().splitlines()]
    assert line["cer"] == result.to_dict()["cer"]
    assert line["detector_sha256"] != line["model_sha256"]


def test_the_command_line_measures_with_an_error_rate(numeye: Numeye, folder: Path) -> None:
    shutil.rmtree(folder / "grids")
    process = numeye("evaluate", "--wild", folder, "--max-error", "5%")
    assert process.returncode == 0
    assert "at most 5 % of the accepted answers are wrong" in process.stderr
    assert numeye("evaluate", "classic", "--wild", folder, "--max-error", "5%").returncode == 2
