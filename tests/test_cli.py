"""The command line's contract: what it prints where, and how it ends."""

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

from conftest import Numeye

SAMPLES = Path(__file__).parent.parent / "examples" / "digits"
NUMBERS = SAMPLES.parent / "numbers"
SEVEN, THREE, BLANK = SAMPLES / "7-turned.jpg", SAMPLES / "3-pencil.png", SAMPLES / "blank.png"


def test_one_picture_prints_its_digit_and_nothing_else(numeye: Numeye) -> None:
    done = numeye("read", "--single", SEVEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


def test_several_pictures_print_path_tab_text_in_the_order_given(numeye: Numeye) -> None:
    done = numeye("read", THREE, SEVEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{THREE}\t3\n{SEVEN}\t7\n", "")


def test_a_folder_is_its_pictures(numeye: Numeye) -> None:
    done = numeye("read", SAMPLES)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.returncode == 3  # one of them is blank
    assert [text for _, text in rows] == [*"0123456789", ""]
    assert done.stderr == f"numeye: {BLANK}: no digit found (blank)\n"


def test_standard_input(numeye: Numeye) -> None:
    done = numeye("read", "-", "--json", stdin=SEVEN.read_bytes())
    assert json.loads(done.stdout)["image"] == "-"
    assert json.loads(done.stdout)["text"] == "7"


def test_json_is_one_object_a_page_in_input_order(numeye: Numeye, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    done = numeye("read", "--single", "--json", SEVEN, missing, BLANK, THREE)
    seven, error, blank, three = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert list(seven) == ["image", "page", "text", "confidence", "rejected", "digits"]
    assert (seven["image"], seven["page"], seven["text"], seven["rejected"]) == (str(SEVEN), 0, "7", None)
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
    assert blank == {"image": str(BLANK), "page": 0, "text": "", "confidence": 0.0, "rejected": "blank", "digits": []}
    assert three["text"] == "3"


def test_a_page_is_read_row_by_row(numeye: Numeye) -> None:
    done = numeye("read", NUMBERS / "rows.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "407 1250\n88 31170\n9526\n", "")
    found = json.loads(numeye("read", "--json", NUMBERS / "rows.png").stdout)
    assert [(one["row"], one["index"], one["text"]) for one in found["numbers"]] == [
        (0, 0, "407"), (0, 1, "1250"), (1, 0, "88"), (1, 1, "31170"), (2, 0, "9526"),
    ]  # fmt: skip
    assert [one["digit"] for one in found["digits"]] == [int(digit) for digit in "407125088311709526"]
    assert 0 < found["confidence"] <= min(one["confidence"] for one in found["numbers"])


def test_what_is_known_of_a_number_is_used(numeye: Numeye) -> None:
    done = numeye("read", "--digits", "16", "--check", "luhn", NUMBERS / "card.png", "--json")
    (number,) = json.loads(done.stdout)["numbers"]
    assert (number["text"], number["fits"]) == ("4539148803436467", "16 digits, luhn")


def test_the_fields_of_a_photographed_form(numeye: Numeye) -> None:
    done = numeye("read", "--regions", NUMBERS / "form.toml", NUMBERS / "form-filled.jpg")
    assert (done.returncode, done.stdout) == (0, "customer\t20417\nquantity\t36\npostcode\t79104\n"), done.stderr
    table = numeye("read", "--regions", NUMBERS / "form.toml", NUMBERS / "form-filled.jpg", "--csv").stdout
    assert [row["region"] for row in csv.DictReader(io.StringIO(table))] == ["customer", "quantity", "postcode"]


def test_a_table_is_a_matrix(numeye: Numeye) -> None:
    done = numeye("read", "--grid", NUMBERS / "table.png")
    assert done.stdout == "5 3 . . 7 .\n6 . . 1 9 5\n. 9 8 . . 3\n8 . 4 . . 1\n"


def test_a_run_that_is_gone_on_with_knows_what_was_rejected_before(numeye: Numeye, tmp_path: Path) -> None:
    asked = ["read", "--single", BLANK, SEVEN, "--json", "--append", tmp_path / "answers"]
    assert [numeye(*asked).returncode for _ in range(2)] == [3, 3]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_a_full_disk_ends_in_one_line_and_its_status() -> None:
    command = [sys.executable, "-m", "numeye", "read", "--single", str(SEVEN)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "numeye: [Errno 28] No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as shells do")
def test_without_standard_error_answers_are_printed_all_the_same() -> None:
    command = (
        f"exec {shlex.quote(sys.executable)} -m numeye read --single --max-error 1% {shlex.quote(str(SEVEN))} 2>&-"
    )
    done = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7\n")


def test_a_run_that_was_cut_off_is_gone_on_with(numeye: Numeye, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    assert numeye("read", SAMPLES, "--csv", "--append", out).stdout == ""
    whole = out.read_bytes()
    out.write_bytes(whole[: len(whole) // 2])
    numeye("read", SAMPLES, "--csv", "--append", out)
    assert out.read_bytes() == whole
    assert numeye("read", SAMPLES, "--csv").stdout.encode() == whole


def test_csv_is_one_row_a_number(numeye: Numeye) -> None:
    done = numeye("read", "--csv", SEVEN, BLANK)
    first, second = csv.DictReader(io.StringIO(done.stdout))
    assert list(first) == ["file", "page", "row", "index", "text", "confidence", "x", "y", "w", "h", "rejected"]
    assert (first["text"], second["text"], second["rejected"]) == ("7", "", "blank")


def test_overlays_are_pictures_and_none_overwrites_another(numeye: Numeye, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(SEVEN, tmp_path / folder / "same.jpg")
    done = numeye("read", tmp_path / "a", tmp_path / "b", "--overlay", tmp_path / "out")
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["same.jpg.2.read.png", "same.jpg.read.png"]
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
    """A small file that claims to be a picture of that size."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    packed = (len(d).to_bytes(4, "big") + n + d + zlib.crc32(n + d).to_bytes(4, "big") for n, d in chunks)
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
    ("text.png", lambda: b"these are words, not a picture", FAILED, "not a picture that can be read"),
    ("empty.png", lambda: b"", FAILED, "empty; expected a picture"),
    ("cut.jpg", lambda: SEVEN.read_bytes()[:2000], FAILED, "damaged"),
    ("cut.png", lambda: THREE.read_bytes()[:3000], FAILED, "damaged"),
    ("bomb.png", lambda: _png_of(50_000, 50_000), FAILED, "too large"),
    ("large.png", lambda: _png_of(9_000, 9_000), FAILED, "9000x9000 is 81 megapixels, at most 80 are read"),
    ("cut.pdf", lambda: b"%PDF-1.7 and no more", FAILED, "a PDF that cannot be opened"),
    ("white.png", lambda: _plain(600, 800, 255), REJECTED, "no digit found (blank)"),
    ("black.png", lambda: _plain(28, 28, 0), REJECTED, "no digit found (blank)"),
    ("dot.png", lambda: _plain(1, 1, 128), REJECTED, "no digit found (blank)"),
    ("speck.png", lambda: _speck(), REJECTED, "no digit found (blank)"),
    ("line.png", lambda: _noise(1, 5000), REJECTED, "no digit found (not a digit)"),
    ("row.png", lambda: _noise(5000, 1), REJECTED, "no digit found (not a digit)"),
    ("noise.png", lambda: _noise(300, 200), REJECTED, "no digit found (not a digit)"),
]


@pytest.mark.parametrize(("name", "content", "status", "says"), BAD_PICTURES, ids=[row[0] for row in BAD_PICTURES])
def test_a_bad_picture_ends_in_one_line_and_the_good_ones_are_read(
    name: str, content: Callable[[], bytes], status: int, says: str, numeye: Numeye, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    done = numeye("read", path, SEVEN)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"numeye: {path}")
    assert says in done.stderr
    assert done.stdout.splitlines()[-1] == f"{SEVEN}\t7"


def _cut_model(folder: Path) -> list[object]:
    (folder / "cut.onnx").write_bytes(b"\x08\x0a" * 500)
    return ["read", SEVEN, "--model", folder / "cut.onnx"]


def _other_recipe(folder: Path) -> list[object]:
    recipe = {"name": "other", "model": "classic"}
    (folder / "config.json").write_text(json.dumps({"recipe": recipe, "epochs": 5}))
    return ["train", "classic", "--run", folder, "--resume"]


def _half_a_batch(folder: Path) -> list[object]:
    (folder / "own.toml").write_text('model = "classic"\nbatch_size = 6.5\n')
    return ["train", folder / "own.toml", "--run", folder / "run"]


def _no_recipe(folder: Path) -> list[object]:
    (folder / "own.toml").write_text('model = "classic"\nspeed = "high"\n')
    return ["train", folder / "own.toml", "--run", folder / "run"]


def _broken_config(folder: Path) -> list[object]:
    (folder / "config.json").write_text('{"recipe": ')
    return ["train", "classic", "--run", folder, "--resume"]


def _broken_npz(folder: Path) -> list[object]:
    (folder / "digits.npz").write_bytes(b"PK\x03\x04 cut")
    return ["evaluate", "--data", folder / "digits.npz"]


def _strings(folder: Path) -> list[object]:
    shutil.copy(SEVEN, folder / "seven.jpg")
    (folder / "labels.csv").write_text("file,label\nseven.jpg,407\n")
    return ["evaluate", "classic", "--data", folder]


def _two_kinds_of_regions(folder: Path) -> list[object]:
    (folder / "form.toml").write_text('[total]\nregion = "0,0,5,5"\n')
    return ["read", SEVEN, "--region", "0,0,5,5", "--regions", folder / "form.toml"]


def _diary(folder: Path) -> list[object]:
    (folder / "diary").write_text("nothing today\n")
    return ["read", SEVEN, "--json", "--append", folder / "diary"]


def _file_as_folder(folder: Path) -> list[object]:
    (folder / "file").write_text("")
    return ["read", SEVEN, "--overlay", folder / "file"]


WRONG: dict[str, tuple[Callable[[Path], list[object]], int, str]] = {
    "a missing file": (lambda f: ["read", f / "no.png"], 1, "no such file"),
    "a folder without pictures": (lambda f: ["read", f], 1, "no picture in this folder"),
    "an unwritable overlay": (_file_as_folder, 1, "cannot be written"),
    "an unwritable run": (lambda f: ["train", "--run", "/proc/run"], 1, "cannot be written"),
    "a cut model": (_cut_model, 1, "not an ONNX model that can be run"),
    "a name that no file can have": (lambda f: ["read", SEVEN, "--model", "long" * 80], 1, "File name too long"),
    "no such model": (lambda f: ["read", SEVEN, "--model", "clasic"], 2, "no model 'clasic'; expected classic"),
    "a folder that is no run": (lambda f: ["evaluate", f], 1, "no model.onnx in this folder"),
    "no such recipe": (lambda f: ["train", "clasic"], 2, "no recipe 'clasic'; there are classic"),
    "epochs in words": (lambda f: ["train", "--epochs", "five", "--run", f / "r"], 2, "expected a number such as 5"),
    "a run of another recipe": (_other_recipe, 1, "this run is of the recipe other, not classic"),
    "half a batch": (_half_a_batch, 2, "batch_size is 6.5, expected a whole number above 0"),
    "a recipe with an unknown key": (_no_recipe, 2, "unknown key 'speed'; expected some of name, about, model"),
    "a broken config": (_broken_config, 1, "config.json: damaged"),
    "a seed below zero": (lambda f: ["train", "--seed", "-1", "--run", f / "r"], 2, "--seed -1: expected 0 to"),
    "no such data": (lambda f: ["evaluate", "--data", f / "no"], 2, "no data set"),
    "a folder that is no data": (lambda f: ["evaluate", "--data", f], 1, "not a data folder"),
    "a broken npz": (_broken_npz, 1, "not an .npz that can be read"),
    "labels of several digits": (_strings, 2, "its labels are strings of digits; classic reads one digit a picture"),
    "a sum that there is none": (lambda f: ["read", SEVEN, "--check", "lun"], 2, "check lun: expected one of luhn"),
    "an expression that is none": (lambda f: ["read", SEVEN, "--expect", "["], 2, "expect"),
    "a number known of a digit": (
        lambda f: ["read", "--single", SEVEN, "--digits", "3"],
        2,
        "reads one digit a picture",
    ),
    "a region in words": (lambda f: ["read", SEVEN, "--region", "left"], 2, "expected x,y,width,height"),
    "a region beyond": (lambda f: ["read", SEVEN, "--region", "9000,0,5,5"], 1, "lies outside the picture"),
    "regions twice": (_two_kinds_of_regions, 2, "--region and --regions: choose one"),
    "regions of a digit": (lambda f: ["read", "--single", SEVEN, "--grid"], 2, "reads one digit a picture"),
    "a grid and regions": (lambda f: ["read", SEVEN, "--grid", "--region", "0,0,5,5"], 2, "choose one"),
    "no such form": (lambda f: ["read", SEVEN, "--regions", f / "form.toml"], 2, "no such file"),
    "no grid": (lambda f: ["read", SEVEN, "--grid"], 1, "no grid found"),
    "two regions of one name": (
        lambda f: ["read", SEVEN, "--region", "a=0,0,9,9", "--region", "a=9,9,9,9"],
        2,
        "two regions of this name",
    ),
    "plain text to go on with": (lambda f: ["read", SEVEN, "--append", f / "a"], 2, "expected --csv or --json"),
    "a file of something else": (_diary, 1, "not a file of answers"),
    "export of no run": (lambda f: ["export", f], 1, "no run folder (it has no config.json)"),
    "a report of no run": (lambda f: ["evaluate", "--report", f / "r.html"], 2, "expected a run folder as MODEL"),
    "seeds in words": (lambda f: ["bench", "train", "--seeds", "one"], 2, "expected whole numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case: str, numeye: Numeye, tmp_path: Path) -> None:
    arguments, status, says = WRONG[case]
    done = numeye(*arguments(tmp_path), cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("numeye: ")
    assert says in done.stderr


def test_evaluate_prints_correct_divided_by_total(numeye: Numeye, tmp_path: Path) -> None:
    done = numeye("evaluate", "classic", "--mistakes", tmp_path / "out")
    assert done.returncode == 0
    assert "/ 10,000 * 100 = 99.04 %   (95 % interval 98.83 to 99.21)" in done.stdout
    counts = [line.split()[1:11] for line in done.stdout.splitlines()[-10:]]
    assert sum(int(count) for row in counts for count in row if count != ".") == 10_000
    with Image.open(tmp_path / "out" / "mnist-mistakes.png") as sheet:
        assert sheet.width > 500
        assert sheet.height > 500


CONTRACT = {"data", "n", "correct", "accuracy", "interval", "model", "rejected", "accuracy_accepted", "ece"}


@pytest.mark.parametrize(
    ("picture", "label", "kind"),
    [("card.png", "4539148803436467", "cer"), ("table.png", "530070/600195/098003/804001", "f1")],
)
def test_numbers_and_grids_have_the_contracts_keys_too(
    picture: str, label: str, kind: str, numeye: Numeye, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES.parent / "numbers" / picture, tmp_path)
    (tmp_path / "labels.csv").write_text(f"file,label\n{picture},{label}\n")
    done = numeye("evaluate", "--data", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(found) >= CONTRACT | {kind}
    assert found["accuracy"] == 100


def test_evaluate_json_has_the_contracts_keys(numeye: Numeye) -> None:
    found = json.loads(numeye("evaluate", "classic", "--data", "mnist:validation", "--json").stdout)
    assert set(found) >= CONTRACT
    assert (found["data"], found["n"], found["model"]) == ("mnist:validation", 5000, "classic")
    assert found["accuracy"] == found["correct"] / found["n"] * 100
    assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    assert np.array(found["confusion"]).sum() == 5000


def test_evaluate_reads_own_folders_and_names_what_cannot_be_read(numeye: Numeye, tmp_path: Path) -> None:
    for name in ("3-pencil.png", "5-chalk.png", "7-turned.jpg"):
        (tmp_path / name[0]).mkdir()
        shutil.copy(SAMPLES / name, tmp_path / name[0])
    shutil.copy(BLANK, tmp_path / "3")
    (tmp_path / "5" / "broken.png").write_bytes(b"no")
    done = numeye("evaluate", "--data", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert "broken.png: not a picture" in done.stderr
    assert (found["n"], found["correct"], found["rejected"], found["accuracy_accepted"]) == (4, 3, 25.0, 100.0)


def test_data_doctor_models_and_version(numeye: Numeye) -> None:
    assert numeye("data").stdout.count(" ok") == 4
    assert "sha256 as on its card" in numeye("doctor").stdout
    classic, reader, spotter = numeye("models").stdout.splitlines()
    assert classic.startswith("classic: 206,922 parameters, 99.04 % of 10,000")
    assert reader.startswith("reader  (default): 838,199 parameters, 99.")
    assert spotter == "spotter  (default): 1,196,703 parameters, finds the digits of a page for the model reader"
    assert [json.loads(line)["default"] for line in numeye("models", "--json").stdout.splitlines()] == [0, 1, 1]
    assert numeye("--version").stdout == "numeye 0.1.0\n"


def test_data_says_what_is_missing_without_fetching(numeye: Numeye, tmp_path: Path) -> None:
    done = numeye("data", "--check", "--cache", tmp_path)
    assert done.returncode == 1
    assert done.stdout.count(" missing\n") == 4
    assert not list(tmp_path.iterdir())


COMMANDS = ["read", "explain", "train", "evaluate", "compare", "serve", "export", "models", "data", "doctor", "bench"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, numeye: Numeye) -> None:
    done = numeye(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    pictures = " ".join([str(SEVEN)] * 300)
    shell = f"{sys.executable} -m numeye read {pictures} | head -1"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{SEVEN}\t7\n"
    assert done.stderr == ""


def test_only_paper_and_pages_can_be_shown(numeye: Numeye) -> None:
    done = numeye("data", "--show", "rain")
    assert (done.returncode, done.stderr) == (2, "numeye: --show rain: expected paper or pages\n")
