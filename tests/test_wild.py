"""Every data set of a folder in one go, on made-up folders of the forms that real ones have."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Numeye
from numeye import Evaluation, Reader, evaluate, open_data, source
from numeye.errors import DataError, OutputError, UsageError
from numeye.wild import Readers, ScoringLog, Table, Unscored, data_sets, measure, print_folder


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
    """Two sets of digits, dark on light, one of strings, one of grids, and what is no set at all."""
    root = tmp_path / "wild"
    root.mkdir()
    images, labels = 255 - train_images[:12], train_labels[:12]
    save_npz(root / "b.npz", images, labels)
    save_table(root / "a", images[:5], [str(label) for label in labels[:5].tolist()])
    save_table(root / "grids", images[:2], ["12/3?", "0"])
    save_table(root / "strings", images[:2], ["407", "1"])
    (root / "notes").mkdir()
    (root / ".hidden").mkdir()
    (root / "README.md").write_text("# about")
    return root


def readers(model: str = "classic", max_error: float | None = None) -> Readers:
    return Readers(model, max_error, lambda line: None)


def printed(folder: Path, **asked: object) -> tuple[bool, list[str], list[str]]:
    answers: list[str] = []
    said: list[str] = []
    whole = print_folder(readers(), folder, answer=answers.append, say=said.append, **asked)  # type: ignore[arg-type]
    return whole, "\n".join(answers).splitlines(), said


def test_each_data_set_is_scored_as_it_is_alone(folder: Path) -> None:
    reader = Reader("classic")
    found = list(measure(readers(), data_sets(folder)))
    names = [one.data if isinstance(one, Evaluation) else one.name for one in found]
    assert names == ["a", "b.npz", "strings", "grids", "notes"]
    first, second = (one for one in found if isinstance(one, Evaluation))
    for alone, together in ((folder / "a", first), (folder / "b.npz", second)):
        expected = evaluate(reader, open_data(str(alone)))
        assert {**together.to_dict(), "data": ""} == {**expected.to_dict(), "data": ""}
    assert [one.damaged for one in found if isinstance(one, Unscored)] == [False, False, False]


def test_the_table_is_aligned_and_ends_with_the_mean(folder: Path) -> None:
    whole, (title, heading, *rows), said = printed(folder)
    assert whole
    assert title == "classic, framing classical"
    assert [row.split("  ")[0] for row in rows] == ["a", "b.npz", "mean of 2 sets"]
    assert len({len(line) for line in (heading, *rows[:2])}) == 1
    column = heading.index("accuracy %") + len("accuracy %")
    shown = [float(row[:column].split()[-1]) for row in rows]
    assert shown[2] == pytest.approx((shown[0] + shown[1]) / 2, abs=0.01)
    assert [line.split(":")[1].strip() for line in said] == ["strings", "grids", "notes"]
    assert sum("holds numbers, and classic reads one digit a picture" in line for line in said) == 2


def test_rows_are_printed_as_they_are_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def watched(*arguments: object, **options: object) -> Evaluation:
        events.append("reads")
        return evaluate(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("numeye.wild.evaluate", watched)
    print_folder(readers(), folder, answer=lambda line: events.append(line[:1]), say=lambda line: None)
    assert events == ["reads", "c", "a", "reads", "b", "m"]


def test_json_is_one_object_a_data_set_and_nothing_else(folder: Path) -> None:
    _, lines, _ = printed(folder, json=True)
    first, second = map(json.loads, lines)
    assert (first["data"], first["n"], second["data"], second["n"]) == ("a", 5, "b.npz", 12)
    assert first["coverage"] == 100 - first["rejected"]
    assert list(first) == list(evaluate(Reader("classic"), open_data(str(folder / "a"))).to_dict())


@pytest.mark.parametrize("fault", ["cut npz", "no table", "a letter", "a number below zero", "a lost picture"])
def test_a_damaged_set_is_said_in_one_line_and_the_others_go_on(fault: str, folder: Path) -> None:
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
        save_table(broken, np.zeros((2, 9, 9), np.uint8), ["1", "x" if fault == "a letter" else "2"])
    if fault == "a lost picture":
        (broken / "0.png").unlink()
    whole, lines, said = printed(folder)
    assert not whole
    assert [line.split()[0] for line in lines if line[0] in "ab"][-1] == "b.npz"
    assert sum(broken.name in line for line in said) == 1


def test_a_set_that_cannot_be_opened_by_this_user_is_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("numeye.datasets.is_data_folder", closed)
    found = list(measure(readers(), [folder / "a", folder / "b.npz"]))
    assert isinstance(found[0], Evaluation)
    assert isinstance(found[1], Unscored)
    assert found[1].damaged


def test_a_folder_without_data_sets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no data set; expected data folders or .npz"):
        data_sets(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        data_sets(tmp_path / "missing")


def test_a_set_named_as_a_part_of_mnist_is_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a").rename(folder / "mnist")
    monkeypatch.chdir(folder)
    (found,) = measure(readers(), [path for path in data_sets(Path()) if path.name == "mnist"])
    assert isinstance(found, Evaluation)
    assert len(found.labels) == 5


def test_mistakes_are_a_sheet_a_set(folder: Path, tmp_path: Path) -> None:
    (folder / "a").rename(folder / "set.v1")
    printed(folder, mistakes=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b-mistakes.png", "set.v1-mistakes.png"]


def test_a_table_of_nothing_has_no_mean() -> None:
    assert Table("digits", "classic", ["a"]).mean() is None


def test_naive_framing_is_named_in_the_table(folder: Path) -> None:
    _, (title, *_), _ = printed(folder, framing="naive")
    assert title == "classic, framing naive"
    with pytest.raises(UsageError, match="--framing neat: expected classical or naive"):
        printed(folder, framing="neat")


def test_each_scoring_is_logged_with_its_reason(folder: Path, tmp_path: Path) -> None:
    log = ScoringLog(file=tmp_path / "logs" / "scorings.jsonl", reason="a new release")
    for framing in ("classical", "naive"):
        printed(folder, log=log, framing=framing)
    lines = [json.loads(line) for line in log.file.read_text().splitlines()]
    assert [line["data"] for line in lines] == ["a", "b.npz"] * 2
    assert [line["framing"] for line in lines] == ["classical"] * 2 + ["naive"] * 2
    first, model = lines[0], Reader("classic").model
    assert datetime.now(UTC) - datetime.fromisoformat(first["time"]) < timedelta(minutes=5)
    assert (first["model"], first["model_sha256"]) == ("classic", model.card["sha256"])
    assert first["accuracy"] == first["correct"] / first["n"] * 100
    assert first["rejected"] == 0
    assert first["reason"] == "a new release"
    assert first["source"] == source.source_revision()


def test_what_cannot_be_logged_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        ScoringLog(file=tmp_path, reason="why")
    for file, reason in ((tmp_path / "log", None), (tmp_path / "log", "  "), (None, "why")):
        with pytest.raises(UsageError, match="with it"):
            ScoringLog.asked(file, reason)
    assert ScoringLog.asked(None, None) is None
    assert not (tmp_path / "log").exists()


def test_the_command_ends_with_0_and_with_1_where_a_set_is_damaged(
    folder: Path, tmp_path: Path, numeye: Numeye
) -> None:
    log = tmp_path / "log.jsonl"
    done = numeye("evaluate", "classic", "--wild", folder, "--log", log, "--reason", "the test")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("mean of 2 sets")
    assert len(done.stderr.splitlines()) == 3
    assert len(log.read_text().splitlines()) == 2
    (folder / "c.npz").write_bytes(b"no")
    done = numeye("evaluate", "classic", "--wild", folder, "--json", "--framing", "naive")
    assert done.returncode == 1
    assert [json.loads(line)["framing"] for line in done.stdout.splitlines()] == ["naive", "naive"]
    assert "c.npz: not an .npz that can be read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_wrong_usage_is_said_in_one_line(arguments: list[str], says: str, tmp_path: Path, numeye: Numeye) -> None:
    done = numeye("evaluate", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def test_with_a_promise_the_log_says_so_and_what_is_accepted_is_right(folder: Path, tmp_path: Path) -> None:
    log = ScoringLog(file=tmp_path / "log.jsonl", reason="a test")
    sets = [folder / "a", folder / "b.npz"]
    found = [one for one in measure(readers("reader", 0.05), sets, log=log) if isinstance(one, Evaluation)]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["max_error"] for line in lines] == [0.05, 0.05]
    assert [line["accuracy_accepted"] for line in lines] == [one.to_dict()["accuracy_accepted"] for one in found]


def test_what_can_be_promised_for_digits_alone_leaves_numbers_out_and_says_so(folder: Path) -> None:
    answers: list[str] = []
    said: list[str] = []
    asked = readers("reader", 0.004)
    assert not print_folder(asked, folder, answer=answers.append, say=said.append)
    lines = "\n".join(answers).splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["a", "b.npz"]
    assert lines[4].startswith("mean of 2 sets")
    assert len(lines) == 5
    for name in ("strings", "grids"):
        (told,) = [line for line in said if line.startswith(f"numeye: {name}: spotter: at most 0.4 % wrong is more")]
        assert "it can promise" in told


def test_numbers_and_grids_have_tables_of_their_own(folder: Path) -> None:
    answers: list[str] = []
    said: list[str] = []
    whole = print_folder(readers("reader"), folder, answer=answers.append, say=said.append)
    lines = "\n".join(answers).splitlines()
    strings = lines.index("spotter + reader")
    assert lines[strings + 1].split()[:3] == ["set", "n", "exact"]
    assert lines[strings + 2].split()[:2] == ["strings", "2"]
    grids = lines.index("spotter + reader", strings + 1)
    assert lines[grids + 2].split()[:2] == ["grids", "4"]  # cells: one of five is open
    assert not whole  # MNIST's digits are no grids, and that is said
    assert sum("no grid found" in line for line in said) == 2


def test_the_log_knows_who_found_the_numbers(folder: Path, tmp_path: Path) -> None:
    log = ScoringLog(file=tmp_path / "log.jsonl", reason="a test")
    (found,) = measure(readers("reader"), [folder / "strings"], log=log)
    assert not isinstance(found, Unscored)
    (line,) = [json.loads(line) for line in log.file.read_text().splitlines()]
    assert line["cer"] == found.to_dict()["cer"]
    assert line["spotter_sha256"] != line["model_sha256"]


def test_the_command_line_measures_with_a_promise(numeye: Numeye, folder: Path) -> None:
    shutil.rmtree(folder / "grids")
    done = numeye("evaluate", "--wild", folder, "--max-error", "5%")
    assert done.returncode == 0
    assert "at most 5 % wrong among what is accepted" in done.stderr
    assert numeye("evaluate", "classic", "--wild", folder, "--max-error", "5%").returncode == 2
