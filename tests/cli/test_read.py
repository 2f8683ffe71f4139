"""`numeye read`: what it prints where, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.sample_pictures import BLANK, NUMBERS, SAMPLES, SEVEN, THREE
from tests.conftest import Numeye


def test_one_picture_prints_its_digit_and_nothing_else(numeye: Numeye) -> None:
    process = numeye("read", "--single", SEVEN)
    assert (process.returncode, process.stdout, process.stderr) == (0, "7\n", "")


def test_several_pictures_print_path_tab_text_in_the_order_given(numeye: Numeye) -> None:
    process = numeye("read", THREE, SEVEN)
    assert (process.returncode, process.stdout, process.stderr) == (
        0,
        f"{THREE}\t3\n{SEVEN}\t7\n",
        "",
    )


def test_a_folder_is_its_pictures(numeye: Numeye) -> None:
    process = numeye("read", SAMPLES)
    rows = [line.split("\t") for line in process.stdout.splitlines()]
    assert process.returncode == 3  # one of them is blank
    assert [text for _, text in rows] == [*"0123456789", ""]
    assert process.stderr == f"numeye: {BLANK}: no digit found (blank)\n"


def test_standard_input(numeye: Numeye) -> None:
    process = numeye("read", "-", "--json", stdin=SEVEN.read_bytes())
    assert json.loads(process.stdout)["image"] == "-"
    assert json.loads(process.stdout)["text"] == "7"


def test_json_is_one_object_per_page_in_input_order(numeye: Numeye, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    process = numeye("read", "--single", "--json", SEVEN, missing, BLANK, THREE)
    seven, error, blank, three = map(json.loads, process.stdout.splitlines())
    assert process.returncode == 1
    assert list(seven) == [
        *("image", "page", "text", "confidence", "rejected", "digits", "numbers", "tables")
    ]
    assert (seven["image"], seven["page"], seven["text"], seven["rejected"]) == (
        str(SEVEN),
        0,
        "7",
        None,
    )
    (digit,) = seven["digits"]
    assert list(digit) == ["digit", "confidence", "box", "probabilities", "frame"]
    assert digit["digit"] == 7
    assert digit["confidence"] == seven["confidence"] <= max(digit["probabilities"])
    assert len(digit["probabilities"]) == 10
    assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-9)
    x, y, width, height = digit["box"]
    assert 0 <= x < x + width <= 168
    assert 0 <= y < y + height <= 168
    assert error == {"image": str(missing), "error": f"{missing}: no such file"}
    assert blank == {
        "image": str(BLANK),
        "page": 0,
        "text": "",
        "confidence": 0.0,
        "rejected": "blank",
        "digits": [],
        "numbers": [],
        "tables": [],
    }
    assert three["text"] == "3"


def test_a_page_is_read_row_by_row(numeye: Numeye) -> None:
    process = numeye("read", NUMBERS / "rows.png")
    assert (process.returncode, process.stdout, process.stderr) == (
        0,
        "407 1250\n88 31170\n9526\n",
        "",
    )
    page = json.loads(numeye("read", "--json", NUMBERS / "rows.png").stdout)
    assert [(number["row"], number["index"], number["text"]) for number in page["numbers"]] == [
        (0, 0, "407"),
        (0, 1, "1250"),
        (1, 0, "88"),
        (1, 1, "31170"),
        (2, 0, "9526"),
    ]
    assert [number["digit"] for number in page["digits"]] == [
        int(digit) for digit in "407125088311709526"
    ]
    assert 0 < page["confidence"] <= min(number["confidence"] for number in page["numbers"])


def test_constraints_are_used(numeye: Numeye) -> None:
    process = numeye("read", "--digits", "16", "--check", "luhn", NUMBERS / "card.png", "--json")
    (number,) = json.loads(process.stdout)["numbers"]
    assert (number["text"], number["constraints"]) == ("4539148803436467", "16 digits, luhn")


def test_ranges_and_other_constraints_on_the_command_line(numeye: Numeye) -> None:
    def constrained(*arguments: object) -> tuple[list[str], str]:
        page = json.loads(numeye("read", "--json", *arguments, NUMBERS / "rows.png").stdout)
        numbers = page["numbers"]
        return [number["text"] for number in numbers], str(numbers[0].get("constraints"))

    rows = ["407", "1250", "88", "31170", "9526"]
    assert constrained("--range=-5..50000") == (rows, "-5 to 50000")
    assert constrained("--range", "-5..50000") == (rows, "-5 to 50000")
    assert constrained("--digits", "2-5", "--decimals", "0") == (rows, "2 to 5 digits, 0 decimals")
    texts, shown = constrained("--range", "0..500:1", "--decimal-mark", ".")
    assert (texts, shown) == (["407", "", "88", "", ""], "0 to 500 in steps of 1")
    assert constrained("--date")[0] == [""] * 5
    process = numeye("read", "--range", "5..-5", NUMBERS / "rows.png")
    assert process.returncode == 2
    assert process.stderr == "numeye: range 5..-5: 5 is more than -5; write -5..5\n"


def test_the_fields_of_a_photographed_form(numeye: Numeye) -> None:
    process = numeye("read", "--regions", NUMBERS / "form.toml", NUMBERS / "form-filled.jpg")
    assert (process.returncode, process.stdout) == (
        0,
        "customer\t20417\nquantity\t36\npostcode\t79104\n",
    ), process.stderr
    table = numeye(
        "read", "--regions", NUMBERS / "form.toml", NUMBERS / "form-filled.jpg", "--csv"
    ).stdout
    assert [row["region"] for row in csv.DictReader(io.StringIO(table))] == [
        "customer",
        "quantity",
        "postcode",
    ]


def test_a_table_is_a_matrix(numeye: Numeye) -> None:
    process = numeye("read", "--grid", NUMBERS / "table.png")
    assert process.stdout == "5 3 _ _ 7 _\n6 _ _ 1 9 5\n_ 9 8 _ _ 3\n8 _ 4 _ _ 1\n"


def test_each_table_is_a_file_with_its_empty_cells(numeye: Numeye, tmp_path: Path) -> None:
    out = tmp_path / "deeper" / "out"
    process = numeye("read", "--grid", "--csv", "--out", out, NUMBERS / "table.png")
    assert len(process.stdout.splitlines()) == 1 + 13
    (file,) = out.iterdir()
    assert file.name == "table.png.page1.table1.csv"
    assert file.read_text() == "5,3,,,7,\n6,,,1,9,5\n,9,8,,,3\n8,,4,,,1\n"


def test_numbers_have_a_kind_and_a_value(numeye: Numeye) -> None:
    process = numeye("read", "--json", "--decimal-mark", ",", NUMBERS / "rows.png")
    numbers = json.loads(process.stdout)["numbers"]
    assert [(number["kind"], number["value"]) for number in numbers[:2]] == [
        ("integer", "407"),
        ("integer", "1250"),
    ]
    no_dates = numeye("read", "--date", NUMBERS / "rows.png")
    assert (no_dates.returncode, no_dates.stdout) == (3, "")
    only_digits = numeye("read", "--digits-only", NUMBERS / "rows.png")
    assert only_digits.stdout.splitlines()[0] == "407 1250"


def test_a_continued_run_knows_earlier_rejections(numeye: Numeye, tmp_path: Path) -> None:
    arguments = ["read", "--single", BLANK, SEVEN, "--json", "--append", tmp_path / "answers"]
    assert [numeye(*arguments).returncode for _ in range(2)] == [3, 3]


FULL = "numeye: standard output: cannot be written (No space left on device)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_a_full_disk_ends_in_one_line_and_its_status() -> None:
    command = [sys.executable, "-m", "numeye", "read", "--single", str(SEVEN)]
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (process.returncode, process.stderr) == (1, FULL)


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as shells do")
def test_answers_are_printed_without_standard_error() -> None:
    command = (
        f"exec {shlex.quote(sys.executable)} -m numeye read --single --max-error 1%"
        f" {shlex.quote(str(SEVEN))} 2>&-"
    )
    process = subprocess.run(
        ["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (0, "7\n")


def test_a_run_that_was_cut_off_continues(numeye: Numeye, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    assert numeye("read", SAMPLES, "--csv", "--append", out).stdout == ""
    complete = out.read_bytes()
    out.write_bytes(complete[: len(complete) // 2])
    numeye("read", SAMPLES, "--csv", "--append", out)
    assert out.read_bytes() == complete
    assert numeye("read", SAMPLES, "--csv").stdout.encode() == complete


def test_csv_has_one_row_per_number(numeye: Numeye) -> None:
    process = numeye("read", "--csv", SEVEN, BLANK)
    first, second = csv.DictReader(io.StringIO(process.stdout))
    assert list(first) == [
        "file",
        "page",
        "table",
        "row",
        "column",
        "index",
        "text",
        "confidence",
        "x",
        "y",
        "w",
        "h",
        "rejected",
    ]
    assert (first["text"], second["text"], second["rejected"]) == ("7", "", "blank")


def test_no_overlay_overwrites_another(numeye: Numeye, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(SEVEN, tmp_path / folder / "same.jpg")
    process = numeye("read", tmp_path / "a", tmp_path / "b", "--overlay", tmp_path / "out")
    assert process.returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "same.jpg.2.read.png",
        "same.jpg.read.png",
    ]
    with Image.open(tmp_path / "out" / "same.jpg.read.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(1 << 20) or []) > 10


def test_exit_status_failed_outweighs_rejected(numeye: Numeye, tmp_path: Path) -> None:
    assert numeye("read", SEVEN).returncode == 0
    assert numeye("read", SEVEN, BLANK).returncode == 3
    assert numeye("read", SEVEN, BLANK, tmp_path / "no.png").returncode == 1
    assert numeye("read").returncode == 2
    assert numeye("reed").returncode == 2
    assert numeye("read", SEVEN, "--json", "--csv").returncode == 2


def _png_of(width: int, height: int) -> bytes:
    """A small file that declares a picture of that size."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    packed = (
        len(d).to_bytes(4, "big") + n + d + zlib.crc32(n + d).to_bytes(4, "big") for n, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _noise(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _plain(width: int, height: int, level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), level).save(buffer, "PNG")
    return buffer.getvalue()


def _speck() -> bytes:
    buffer = io.BytesIO()
    page = Image.new("L", (600, 800), 255)
    page.paste(0, (300, 400, 304, 404))
    page.save(buffer, "PNG")
    return buffer.getvalue()


FAILED, REJECTED = 1, 3
BAD_PICTURES: list[tuple[str, Callable[[], bytes], int, str]] = [
    (
        "text.png",
        lambda: b"these are words, not a picture",
        FAILED,
        "not a picture that can be read",
    ),
    ("empty.png", lambda: b"", FAILED, "empty; expected a picture"),
    ("cut.jpg", lambda: SEVEN.read_bytes()[:2000], FAILED, "damaged"),
    ("cut.png", lambda: THREE.read_bytes()[:3000], FAILED, "damaged"),
    ("bomb.png", lambda: _png_of(50_000, 50_000), FAILED, "too large"),
    (
        "large.png",
        lambda: _png_of(9_000, 9_000),
        FAILED,
        "9000x9000 is 81 megapixels, at most 80 are read",
    ),
    ("cut.pdf", lambda: b"%PDF-1.7 and no more", FAILED, "a PDF that cannot be opened"),
    ("white.png", lambda: _plain(600, 800, 255), REJECTED, "no digit found (blank)"),
    ("black.png", lambda: _plain(28, 28, 0), REJECTED, "no digit found (blank)"),
    ("dot.png", lambda: _plain(1, 1, 128), REJECTED, "no digit found (blank)"),
    ("speck.png", lambda: _speck(), REJECTED, "no digit found (blank)"),
    ("line.png", lambda: _noise(1, 5000), REJECTED, "no digit found (not a digit)"),
    ("row.png", lambda: _noise(5000, 1), REJECTED, "no digit found (not a digit)"),
    ("noise.png", lambda: _noise(300, 200), REJECTED, "no digit found (not a digit)"),
]


@pytest.mark.parametrize(
    ("name", "content", "status", "expected"), BAD_PICTURES, ids=[row[0] for row in BAD_PICTURES]
)
def test_a_bad_picture_ends_in_one_line_and_the_good_ones_are_read(
    name: str,
    content: Callable[[], bytes],
    status: int,
    expected: str,
    numeye: Numeye,
    tmp_path: Path,
) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    process = numeye("read", path, SEVEN)
    assert process.returncode == status
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stderr.startswith(f"numeye: {path}")
    assert expected in process.stderr
    assert process.stdout.splitlines()[-1] == f"{SEVEN}\t7"
