from __future__ import annotations

import base64
import io
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape
from PIL import Image

from numeye import Reader, evaluate, open_data
from numeye.errors import OutputError
from numeye.evaluation import run_report
from numeye.models.run_folder import Run
from numeye.training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Run:
    return train(
        "classic",
        epochs=2,
        data=str(few_digits),
        run=tmp_path_factory.mktemp("runs") / "<two & more>",
    )


@pytest.fixture(scope="module")
def html(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    run_report.write(run, evaluate(Reader(run.folder), open_data("mnist:validation")), path)
    return path.read_text(encoding="utf-8")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.without_text = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attributes)
        self.links += [named[key] or "" for key in ("src", "href", "xlink:href") if key in named]
        self.without_text += tag == "img" and not named.get("alt")


def test_it_loads_nothing_from_elsewhere(html: str) -> None:
    page = _Links()
    page.feed(html)
    assert "script" not in page.tags
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not re.search(r"@import|url\((?!#)", html)


def test_pictures_are_inline_and_have_a_text(html: str) -> None:
    page = _Links()
    page.feed(html)
    pictures = [link for link in page.links if link.startswith("data:image/png;base64,")]
    assert len(pictures) == 2  # mistakes and filters
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))) as image:
            assert image.width > 100
    assert page.without_text == 0
    assert "svg" in page.tags


def test_it_says_what_was_measured_and_how_to_do_it_again(
    html: str, run: Run, few_digits: Path
) -> None:
    rows = run.metrics()
    for row in rows:
        assert f"{row['validation_loss']:.4f}" in html
    assert re.search(r"<strong>\d\d\.\d\d %</strong> of the 5,000", html)
    # answers by their confidence
    counts = re.findall(r"<tr><td>\d+ to \d+ %<td>([\d,]+)<td>", html)
    assert sum(int(count.replace(",", "")) for count in counts) == 5_000
    again = shlex.quote(f"{run.folder}-again")
    command = f"numeye train classic --seed 0 --epochs 2 --run {again} --data {few_digits}"
    assert str(escape(command)) in html
    assert "numpy" in html
    assert "learning rate" in html


def test_without_test_digits_it_says_so(run: Run) -> None:
    written = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "there are no test digits of that kind here" in written
    assert "Confusion" not in written


def test_a_file_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run_report.write(run, None, tmp_path / "file" / "report.html")
