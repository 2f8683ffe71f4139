"""Where answers go, and that an interrupted run is gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.cli.output import CsvFormat, JsonFormat, Output, OutputFormat, PlainFormat
from numeye.errors import OutputError, UsageError
from numeye.io import file_limits
from numeye.results import Character, Digit, Number, Reading, Unreadable

PICTURE = np.zeros((4, 4), np.uint8)


def reading(
    image: str = "a.png", rows: tuple[str, ...] = ("407",), page: int = 0, region: str | None = None
) -> Reading:
    """A page with these rows of numbers; no row for a rejected page."""
    numbers = [
        Number(
            characters=tuple(Character.of_digit(_digit(int(item))) for item in text),
            confidence=0.9,
            row=row,
            index=index,
        )
        for row, texts in enumerate(rows)
        for index, text in enumerate(texts.split())
    ]
    digits = tuple(digit for number in numbers for digit in number.digits)
    rejected = None if numbers else "blank"
    return Reading(
        image=image,
        page=page,
        digits=digits,
        numbers=tuple(numbers),
        rejected=rejected,
        region=region,
        picture=PICTURE,
    )


def _digit(digit: int) -> Digit:
    return Digit(digit=digit, confidence=0.9, box=(0, 0, 1, 1), probabilities=(0.1,) * 10)


def plain(several: bool, *results: Reading | Unreadable) -> str:
    output_format = PlainFormat(several)
    return output_format.header() + "".join(map(output_format.format_result, results))


def test_one_picture_prints_one_line_per_row() -> None:
    assert plain(False, reading(rows=("407 1250", "88"))) == "407 1250\n88\n"
    assert plain(False, reading(rows=())) == ""


def test_several_pictures_have_their_names_before_every_row() -> None:
    results = (
        reading("a.png", ("407", "88")),
        reading("b.png", ()),
        Unreadable(image="c.png", error="no"),
    )
    assert plain(True, *results) == "a.png\t407\na.png\t88\nb.png\t\n"


def test_regions_have_their_names() -> None:
    assert plain(False, reading(region="total")) == "total\t407\n"
    assert plain(True, reading(region="total")) == "a.png\ttotal\t407\n"


def test_pages_of_one_file_without_digits_have_an_empty_line_each() -> None:
    pages = [
        reading(rows=rows, page=page) for page, rows in enumerate([(), ("1",), (), ("2", "3"), ()])
    ]
    assert plain(False, *pages) == "\n1\n\n2\n3\n\n"
    pages = [reading(rows=rows, page=page) for page, rows in enumerate([("1",), ()])]
    assert plain(False, *pages) == "1\n\n"


def _written(output_format: OutputFormat, file: Path, *results: Reading | Unreadable) -> Set[str]:
    with Output(output_format, file, [result.image for result in results]) as output:
        for result in results:
            if result.image not in output.finished:
                output.write(result)
        return output.finished


@pytest.mark.parametrize(
    "output_format",
    [JsonFormat(), CsvFormat(), CsvFormat(regions=True)],
    ids=["json", "csv", "regions"],
)
@settings(max_examples=25)
@given(
    cut=st.floats(0, 1),
    names=st.lists(
        st.sampled_from(["a.png", 'b "two".png', "c,d.png", "e\nf.png", "=g\r.png"]), min_size=1
    ),
)
def test_a_run_cut_off_anywhere_continues_to_the_same_file(
    output_format: OutputFormat,
    cut: float,
    names: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("append")
    region = "total" if output_format.header().endswith("region\n") else None
    results = [reading(name, ("407 1", "88"), region=region) for name in dict.fromkeys(names)]
    _written(output_format, folder / "whole", *results)
    complete = (folder / "whole").read_bytes()
    (folder / "cut").write_bytes(complete[: int(cut * len(complete))])
    _written(output_format, folder / "cut", *results)
    assert (folder / "cut").read_bytes() == complete


def test_finished_pictures_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    assert _written(JsonFormat(), file, reading("a"), reading("b"), reading("c")) == frozenset()
    # the last one may have had more pages
    assert _written(JsonFormat(), file, reading("c")) == {"a", "b"}
    assert [json.loads(line)["image"] for line in file.read_text().splitlines()] == ["a", "b", "c"]


@pytest.mark.parametrize("output_format", [JsonFormat(), CsvFormat()], ids=["json", "csv"])
def test_earlier_rejections_are_known(output_format: OutputFormat, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    _written(output_format, file, reading("a", rows=()), reading("b"), reading("c"))
    for requested, has_rejected in ((["a", "b"], True), (["b", "c"], False)):
        with Output(output_format, file, requested) as output:
            assert output.has_rejected is has_rejected


@pytest.mark.parametrize("output_format", [JsonFormat(), CsvFormat()], ids=["json", "csv"])
def test_a_run_that_fails_before_its_first_answer_changes_nothing(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    file = tmp_path / "answers"
    _written(output_format, file, reading("a"), reading("b"))
    before = file.read_bytes()
    with pytest.raises(UsageError), Output(output_format, file, ["a", "b"]):
        raise UsageError("no such form")
    assert file.read_bytes() == before


def test_results_of_other_pictures_stay(tmp_path: Path) -> None:
    for output_format, file in (
        (JsonFormat(), tmp_path / "answers.jsonl"),
        (CsvFormat(), tmp_path / "answers.csv"),
    ):
        for name in ("a", "b"):
            _written(output_format, file, reading(name))
        assert all("407" in line for line in file.read_text().splitlines()[-2:])
        assert _written(output_format, file, reading("c")) == {"a", "b"}
        with file.open("a") as cut:
            cut.write(file.read_text().splitlines()[-1][:9])  # of another, or more of the last one
        assert _written(output_format, file, reading("d")) == {"a", "b"}
        assert _written(output_format, file, reading("c"), reading("d")) == {"a", "b"}


@pytest.mark.parametrize("output_format", [JsonFormat(), CsvFormat()], ids=["json", "csv"])
def test_an_unfinished_line_removes_no_other_picture(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    file = tmp_path / "answers"
    _written(output_format, file, reading("a"), reading("b"), reading("c"))
    complete = file.read_bytes()
    for of, kept in (("c", {"a", "b"}), ("d", {"a", "b", "c"})):
        file.write_bytes(complete + output_format.format_result(reading(of)).encode()[:-3])
        with Output(output_format, file, ["e"]) as output:
            assert output.finished == kept
            assert (output.notice is not None) == (of == "c")
            output.write(reading("e"))
        assert output_format.format_result(reading("a")) in file.read_text()
        with Output(
            output_format, file, ["c"]
        ) as output:  # it is read again, so there is nothing to say
            assert output.notice is None


def test_a_file_of_answers_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "answers"
    _written(JsonFormat(), file, reading("a"))
    monkeypatch.setattr(file_limits, "MAX_ANSWERS_BYTES", 20)
    with (
        pytest.raises(OutputError, match=r"answers: .*at most 20 are read"),
        Output(JsonFormat(), file),
    ):
        pass


def test_a_file_name_can_have_the_greatest_length(tmp_path: Path) -> None:
    file = tmp_path / ("a" * 255)
    for _ in range(2):
        _written(JsonFormat(), file, reading("a"))
    assert list(tmp_path.iterdir()) == [file]


def test_standard_input_is_another_picture_every_time(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    for _ in range(2):
        assert _written(JsonFormat(), file, reading("-", rows=())) == set()
        with Output(JsonFormat(), file, ["-"]) as output:
            assert not output.has_rejected
    assert len(file.read_text().splitlines()) == 2


def test_unreadable_pictures_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    failed = Unreadable(image="b", error="b: damaged")
    _written(
        JsonFormat(),
        file,
        reading("a"),
        reading("b"),
        failed,
        Unreadable(image="c", error="no"),
        reading("d"),
    )
    # c is not asked for now
    assert _written(JsonFormat(), file, reading("a"), reading("b"), reading("d")) == {"a", "c"}
    stored = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(item["image"], "error" in item) for item in stored] == [
        ("a", False),
        ("c", True),
        ("b", False),
        ("d", False),
    ]


@pytest.mark.parametrize("output_format", [JsonFormat(), CsvFormat()], ids=["json", "csv"])
def test_names_of_any_bytes_are_written_and_found_again(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    names = ["b\udcff.png", "a\u2028b.png", "c\x0cd.png", "e\x85.png", "f.png"]
    assert _written(output_format, tmp_path / "answers", *map(reading, names)) == set()
    assert _written(output_format, tmp_path / "answers", *map(reading, names)) == set(names[:-1])


def test_a_continued_file_keeps_its_place_and_permissions(
    tmp_path: Path,
) -> None:
    file, link = tmp_path / "answers.jsonl", tmp_path / "link"
    link.symlink_to(file)
    _written(JsonFormat(), link, reading("a"), reading("b"))
    file.chmod(0o600)
    assert _written(JsonFormat(), link, reading("b")) == {"a"}
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ['{"a": 1}', "dear diary", "file,page and much else", "x"])
def test_a_file_with_one_line_of_something_else_is_not_changed(
    content: str, tmp_path: Path
) -> None:
    file = tmp_path / "notes"
    file.write_text(content)
    for output_format in (JsonFormat(), CsvFormat()):
        with (
            pytest.raises(OutputError, match="choose another file with --append"),
            Output(output_format, file),
        ):
            pass
    assert file.read_text() == content


def test_a_table_with_a_short_line_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(CsvFormat().header() + "a.png,0\nb.png,0\n")
    with (
        pytest.raises(OutputError, match="answers.csv, line 2: not a row as --csv writes it"),
        Output(CsvFormat(), file),
    ):
        pass


def test_a_file_of_something_else_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\nnothing today\n")
    for output_format in (JsonFormat(), CsvFormat()):
        with (
            pytest.raises(OutputError, match="choose another file with --append"),
            Output(output_format, file),
        ):
            pass
    assert file.read_text() == "dear diary\nnothing today\n"
    with pytest.raises(UsageError, match="expected --csv or --json with it"):
        Output(PlainFormat(several_pictures=True), file)
    with (
        pytest.raises(OutputError, match="cannot be written"),
        Output(JsonFormat(), tmp_path / "no" / "file"),
    ):
        pass


@pytest.mark.parametrize("output_format", [JsonFormat(), CsvFormat()], ids=["json", "csv"])
def test_only_one_process_at_a_time_writes_into_a_file(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    file = tmp_path / "answers"
    with Output(output_format, file, ["a"]) as first:
        first.write(reading("a"))
        before = file.read_bytes()
        with pytest.raises(OutputError, match="answers: another process is adding answers to it"):
            Output(output_format, file, ["a"]).__enter__()
        assert file.read_bytes() == before
        first.write(reading("b"))
    # the lock is gone, and so is every trace of it
    assert _written(output_format, file, reading("b")) == {"a"}
    assert [path.name for path in tmp_path.iterdir()] == ["answers"]


def test_the_file_that_replaces_another_is_locked_too(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    _written(JsonFormat(), file, reading("a"), reading("b"))
    with Output(JsonFormat(), file, ["b"]) as output:
        output.write(reading("b"))  # takes the old one out first
        with pytest.raises(OutputError, match="another process"):
            Output(JsonFormat(), file, ["b"]).__enter__()
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "act", [Path.unlink, lambda file: (file.rename(f"{file}.old"), file.write_text("other"))]
)
def test_a_file_that_is_removed_meanwhile_ends_the_run(
    act: Callable[[Path], object], tmp_path: Path
) -> None:
    file = tmp_path / "answers"
    with (
        pytest.raises(OutputError, match="another program has replaced or removed it"),
        Output(JsonFormat(), file) as output,
    ):
        output.write(reading("a"))
        act(file)
        output.write(reading("b"))


def test_a_run_that_fails_leaves_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError), Output(CsvFormat(), tmp_path / "answers"):
        raise UsageError("no such model")
    assert list(tmp_path.iterdir()) == []
    with Output(CsvFormat(), tmp_path / "answers"):
        pass
    assert (tmp_path / "answers").read_text() == CsvFormat().header()


@pytest.mark.parametrize("place", [0, 3, 9])
@pytest.mark.parametrize("where", [0, 3, 12])
def test_a_stray_quote_in_a_table_is_named_by_its_line_and_loses_nothing(
    where: int, place: int, tmp_path: Path
) -> None:
    file = tmp_path / "answers.csv"
    _written(CsvFormat(), file, *(reading(f"scan{number}.png") for number in range(10)))
    lines = file.read_text().split("\n")
    lines[place + 1] = lines[place + 1][:where] + '"' + lines[place + 1][where:]
    file.write_text("\n".join(lines))
    with (
        pytest.raises(OutputError, match=rf"answers\.csv, line {place + 2}: "),
        Output(CsvFormat(), file, ["new.png"]),
    ):
        pass
    assert file.read_text() == "\n".join(lines)


def test_a_stray_quote_before_a_name_in_quotes_is_found_too(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    _written(CsvFormat(), file, *map(reading, ("a.png", "b.png", 'c "d",e.png', "f.png")))
    file.write_text(file.read_text().replace("a.png", '"a.png'))
    with pytest.raises(OutputError, match="line 2: "), Output(CsvFormat(), file, ["g.png"]):
        pass


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"image": ' + "[" * 100_000,
        "{}",
        "null",
        "7",
        '{"image": "a", "numbers": 3}',
    ],
)
def test_a_line_that_is_no_answer_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    _written(JsonFormat(), file, reading("a"))
    file.write_text(file.read_text() + line + "\n")
    with (
        pytest.raises(OutputError, match="answers, line 2: not an answer as --json writes it"),
        Output(JsonFormat(), file),
    ):
        pass
