"""Where answers go, and that an interrupted run is gone on with."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.errors import OutputError, UsageError
from numeye.output import Csv, Format, Json, Output, Plain
from numeye.results import Digit, Number, Reading, Unreadable

PICTURE = np.zeros((4, 4), np.uint8)


def reading(
    image: str = "a.png", rows: tuple[str, ...] = ("407",), page: int = 0, region: str | None = None
) -> Reading:
    """Numbers of a page, parted by spaces; no row for a rejected page."""
    numbers = [
        Number(digits=tuple(_digit(int(one)) for one in text), confidence=0.9, row=row, index=index)
        for row, texts in enumerate(rows)
        for index, text in enumerate(texts.split())
    ]
    digits = tuple(digit for number in numbers for digit in number.digits)
    rejected = None if numbers else "blank"
    return Reading(
        image=image, page=page, digits=digits, numbers=tuple(numbers), rejected=rejected, region=region, picture=PICTURE
    )


def _digit(digit: int) -> Digit:
    return Digit(digit=digit, confidence=0.9, box=(0, 0, 1, 1), probabilities=(0.1,) * 10)


def plain(several: bool, *answers: Reading | Unreadable) -> str:
    how = Plain(several)
    return how.heading() + "".join(map(how.lines, answers))


def test_one_picture_prints_a_line_a_row() -> None:
    assert plain(False, reading(rows=("407 1250", "88"))) == "407 1250\n88\n"
    assert plain(False, reading(rows=())) == ""


def test_several_pictures_have_their_names_before_every_row() -> None:
    answers = (reading("a.png", ("407", "88")), reading("b.png", ()), Unreadable(image="c.png", error="no"))
    assert plain(True, *answers) == "a.png\t407\na.png\t88\nb.png\t\n"


def test_regions_have_their_names() -> None:
    assert plain(False, reading(region="total")) == "total\t407\n"
    assert plain(True, reading(region="total")) == "a.png\ttotal\t407\n"


def test_pages_of_one_file_without_digits_have_an_empty_line_each() -> None:
    pages = [reading(rows=rows, page=page) for page, rows in enumerate([(), ("1",), (), ("2", "3"), ()])]
    assert plain(False, *pages) == "\n1\n\n2\n3\n\n"
    pages = [reading(rows=rows, page=page) for page, rows in enumerate([("1",), ()])]
    assert plain(False, *pages) == "1\n\n"


def _written(how: Format, file: Path, *answers: Reading | Unreadable) -> Set[str]:
    with Output(how, file, [answer.image for answer in answers]) as output:
        for answer in answers:
            if answer.image not in output.done:
                output.add(answer)
        return output.done


@pytest.mark.parametrize("how", [Json(), Csv(), Csv(regions=True)], ids=["json", "csv", "regions"])
@settings(max_examples=25)
@given(
    cut=st.floats(0, 1), names=st.lists(st.sampled_from(["a.png", 'b "two".png', "c,d.png", "e\nf.png"]), min_size=1)
)
def test_cut_off_anywhere_it_goes_on_to_the_same_file(
    how: Format, cut: float, names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("append")
    region = "total" if how.heading().endswith("region\n") else None
    answers = [reading(name, ("407 1", "88"), region=region) for name in dict.fromkeys(names)]
    _written(how, folder / "whole", *answers)
    whole = (folder / "whole").read_bytes()
    (folder / "cut").write_bytes(whole[: int(cut * len(whole))])
    _written(how, folder / "cut", *answers)
    assert (folder / "cut").read_bytes() == whole


def test_what_is_done_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    assert _written(Json(), file, reading("a"), reading("b"), reading("c")) == frozenset()
    assert _written(Json(), file, reading("c")) == {"a", "b"}  # the last one may have had more pages
    assert [json.loads(line)["image"] for line in file.read_text().splitlines()] == ["a", "b", "c"]


@pytest.mark.parametrize("how", [Json(), Csv()], ids=["json", "csv"])
def test_what_was_rejected_before_is_known(how: Format, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    _written(how, file, reading("a", rows=()), reading("b"), reading("c"))
    assert Output(how, file, ["a", "b"]).doubtful
    assert not Output(how, file, ["b", "c"]).doubtful


@pytest.mark.parametrize("how", [Json(), Csv()], ids=["json", "csv"])
def test_a_run_that_fails_before_its_first_answer_changes_nothing(how: Format, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    _written(how, file, reading("a"), reading("b"))
    before = file.read_bytes()
    with pytest.raises(UsageError), Output(how, file, ["a", "b"]):
        raise UsageError("no such form")
    assert file.read_bytes() == before


def test_what_is_not_asked_for_now_stays(tmp_path: Path) -> None:
    for how, file in ((Json(), tmp_path / "answers.jsonl"), (Csv(), tmp_path / "answers.csv")):
        for name in ("a", "b"):
            _written(how, file, reading(name))
        assert all("407" in line for line in file.read_text().splitlines()[-2:])
        assert _written(how, file, reading("c")) == {"a", "b"}
        with file.open("a") as cut:
            cut.write(file.read_text().splitlines()[-1][:9])  # of another, or more of the last one
        assert _written(how, file, reading("d")) == {"a", "b"}
        assert _written(how, file, reading("c"), reading("d")) == {"a", "b"}


def test_standard_input_is_another_picture_every_time(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    for _ in range(2):
        assert _written(Json(), file, reading("-", rows=())) == set()
        assert not Output(Json(), file, ["-"]).doubtful
    assert len(file.read_text().splitlines()) == 2


def test_what_could_not_be_read_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    failed = Unreadable(image="b", error="b: damaged")
    _written(Json(), file, reading("a"), reading("b"), failed, Unreadable(image="c", error="no"), reading("d"))
    assert _written(Json(), file, reading("a"), reading("b"), reading("d")) == {"a", "c"}  # c is not asked for now
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(one["image"], "error" in one) for one in told] == [("a", False), ("c", True), ("b", False), ("d", False)]


@pytest.mark.parametrize("how", [Json(), Csv()], ids=["json", "csv"])
def test_names_of_any_bytes_are_written_and_found_again(how: Format, tmp_path: Path) -> None:
    names = ["b\udcff.png", "a\u2028b.png", "c\x0cd.png", "e\x85.png", "f.png"]
    assert _written(how, tmp_path / "answers", *map(reading, names)) == set()
    assert _written(how, tmp_path / "answers", *map(reading, names)) == set(names[:-1])


def test_the_file_that_is_gone_on_with_stays_where_it_is_and_as_private_as_it_was(tmp_path: Path) -> None:
    file, link = tmp_path / "answers.jsonl", tmp_path / "link"
    link.symlink_to(file)
    _written(Json(), link, reading("a"), reading("b"))
    file.chmod(0o600)
    assert _written(Json(), link, reading("b")) == {"a"}
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ['{"a": 1}', "dear diary", "file,page and much else", "x"])
def test_a_file_of_one_line_of_something_else_is_left_as_it_is(content: str, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text(content)
    for how in (Json(), Csv()):
        with pytest.raises(OutputError, match="choose another with --append"):
            Output(how, file)
    assert file.read_text() == content


def test_a_table_with_a_line_too_short_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(Csv().heading() + "a.png,0\nb.png,0\n")
    with pytest.raises(OutputError, match="not a table of answers as --csv writes them"):
        Output(Csv(), file)


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\nnothing today\n")
    for how in (Json(), Csv()):
        with pytest.raises(OutputError, match="choose another with --append"):
            Output(how, file)
    assert file.read_text() == "dear diary\nnothing today\n"
    with pytest.raises(UsageError, match="expected --csv or --json with it"):
        Output(Plain(several=True), file)
    with pytest.raises(OutputError, match="cannot be written"), Output(Json(), tmp_path / "no" / "file"):
        pass
