from __future__ import annotations

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.errors import DataError, OutputError
from numeye.io import pen_pictures, pendigits
from numeye.io.pendigits import Trajectory, parse
from tests.io.lzw_packing import pack_z
from tests.io.unipen_samples import few_digits, unipen

NAMES = list(pendigits.RAW_FILE_SHA256)
SMALL = {NAMES[0]: few_digits(3).encode(), NAMES[1]: few_digits(2).encode()}
PACKED = {".Z": pack_z, ".gz": gzip.compress, "": bytes}


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small files in the place of the real ones."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in SMALL.items()}
    monkeypatch.setattr(pendigits, "RAW_FILE_SHA256", sums)
    monkeypatch.setenv("no_proxy", "*")


class Handler(BaseHTTPRequestHandler):
    """Serves the two files in one form: `/.Z/NAME.Z`, `/.gz/NAME.gz` or `/plain/NAME`."""

    requested: list[str]

    def do_GET(self) -> None:
        _, how, file = self.path.split("/")
        self.requested.append(self.path)
        form = {"plain": ""}.get(how, how)
        name = next((name for name in NAMES if file == f"{name}{form}"), None)
        if name is None and how not in ("damaged", "other"):
            self.send_error(404)
            return
        content = b"other" if name is None else PACKED[form](SMALL[name])
        if how == "damaged":
            content = gzip.compress(SMALL[NAMES[0]])[:-9]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requested = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def in_cache(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pendigits.raw_folder(cache).iterdir()}


# --- fetching


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("how", [".Z", ".gz", "plain"])
def test_the_files_are_fetched_in_any_form_and_kept_unpacked(
    how: str, server: str, tmp_path: Path
) -> None:
    messages: list[str] = []
    steps: list[tuple[str, int, int | None]] = []
    address = f"{server}/{how}/"
    cache = pendigits.fetch(
        tmp_path,
        address=address,
        on_message=messages.append,
        progress=lambda *step: steps.append(step),
    )
    assert (cache, in_cache(tmp_path)) == (tmp_path, SMALL)
    assert messages == [f"{name}: {len(SMALL[name]):,} bytes from {address}" for name in NAMES]
    assert steps[-1][0] == NAMES[1]
    assert steps[-1][1] == steps[-1][2]
    assert pendigits.is_complete(tmp_path)
    before = len(Handler.requested)
    pendigits.fetch(tmp_path, address=address)
    assert len(Handler.requested) == before


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize(
    ("how", "reason"),
    [("missing", "Not Found"), ("damaged", "end is missing"), ("other", "wrong SHA-256")],
)
def test_wrong_answers_are_one_line_that_says_what_to_do(
    how: str, reason: str, server: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=reason) as refused:
        pendigits.fetch(tmp_path, address=f"{server}/{how}/")
    assert "\n" not in str(refused.value)
    assert "numeye data pendigits --from DIR" in str(refused.value)
    assert len(Handler.requested) == 3  # all forms of the first file
    assert not pendigits.raw_folder(tmp_path).exists()


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "http://127.0.0.1:no/", "nonsense/"])
def test_an_address_that_does_not_answer_is_a_data_error(address: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not have it"):
        pendigits.fetch(tmp_path, address=address)


@pytest.mark.usefixtures("small_files")
def test_a_damaged_file_is_fetched_again(server: str, tmp_path: Path) -> None:
    pendigits.fetch(tmp_path, address=f"{server}/.Z/")
    path = pendigits.raw_folder(tmp_path) / NAMES[1]
    path.write_bytes(b"12345")
    assert pendigits.status(tmp_path) == {NAMES[0]: "ok", NAMES[1]: "damaged"}
    with pytest.raises(DataError, match="damaged; `numeye data pendigits`"):
        pendigits.load("test", tmp_path)
    messages: list[str] = []
    pendigits.fetch(tmp_path, address=f"{server}/.gz/", on_message=messages.append)
    assert messages[0] == f"{path}: damaged (wrong SHA-256); fetching it again"
    assert in_cache(tmp_path) == SMALL


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("folder", ["", "pendigits"])
@pytest.mark.parametrize("form", PACKED)
def test_a_folder_fills_the_cache(form: str, folder: str, tmp_path: Path) -> None:
    source = tmp_path / "source" / folder
    source.mkdir(parents=True)
    (source / "pendigits-a-damaged-file.gz").write_bytes(b"\x1f\x8b\x08")
    (source / "pendigits-folder").mkdir()
    for name, content in SMALL.items():
        own_name = f"pendigits-{name[-3:]}.unipen"  # only the bytes count
        (source / f"{own_name}{form}").write_bytes(PACKED[form](content))
    pendigits.take_from(tmp_path / "source", tmp_path)
    assert in_cache(tmp_path) == SMALL


@pytest.mark.usefixtures("small_files")
def test_a_folder_without_the_files_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).write_bytes(SMALL[NAMES[1]])
    with pytest.raises(DataError, match=r"no undamaged pendigits-orig\.tra; .*\.tra\.Z"):
        pendigits.take_from(tmp_path, tmp_path / "cache")


@pytest.mark.usefixtures("small_files")
def test_a_cache_that_cannot_be_written_is_an_output_error(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        pendigits.fetch(tmp_path / "file" / "cache", address=f"{server}/.Z/")


# --- trajectories


def test_each_digit_has_its_class_writer_and_strokes_with_y_downwards() -> None:
    (first, second) = parse(
        unipen([(7, 3, [[(10, 90), (50, 92)], [(20, 40), (40, 40)]]), (1, 12, [[(5, 5)]])]), "text"
    )
    assert (first.digit, first.writer, second.digit, second.writer) == (7, 3, 1, 12)
    assert [stroke.tolist() for stroke in first.strokes] == [
        [[10, -90], [50, -92]],
        [[20, -40], [40, -40]],
    ]
    assert second.strokes[0].tolist() == [[5, -5]]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.integers(1, 44),
            st.lists(
                st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1),
                min_size=1,
                max_size=3,
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(
    digits: list[tuple[int, int, list[list[tuple[int, int]]]]],
) -> None:
    read = parse(unipen(digits), "text")
    assert [
        (
            trajectory.digit,
            trajectory.writer,
            [[(int(x), int(-y)) for x, y in stroke] for stroke in trajectory.strokes],
        )
        for trajectory in read
    ] == digits


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (".PEN_DOWN\n", "", 7),  # a point with the pen up
        (' "1"\n.COMMENT 1', ' "1"\n.COMMENT 2', 6),  # another class
        ('? "1"', '? "x"', 5),
        (" 10  90", " 10", 8),
        (" 10  90", " ten  90", 8),
        (".PEN_UP", ".PEN_SIDEWAYS", 10),
        (".PEN_DOWN\n 10  90\n 50  92\n", "", 7),  # a stroke without a beginning
    ],
)
def test_a_text_that_is_not_unipen_is_named_with_its_line(old: str, new: str, line: int) -> None:
    text = unipen([(1, 1, [[(10, 90), (50, 92)]])]).split(".SEGMENT")
    damaged = text[0].replace('.LEXICON "0" "1"', ".LEXICON") + ".SEGMENT" + text[1]
    assert old in damaged
    with pytest.raises(DataError, match=f"^own: line {line + 1} is .*expected UNIPEN text"):
        parse(damaged.replace(old, new, 1), "own")


def test_a_text_without_a_digit_is_refused() -> None:
    with pytest.raises(DataError, match="holds no digit"):
        parse("", "own")


# --- pictures


def test_a_picture_shows_the_digit_in_its_middle_dark_on_white() -> None:
    stroke = np.array([[0, 0], [20, 0], [20, 200]], np.float32)
    picture = pen_pictures.draw_picture(Trajectory(7, 1, (stroke,)))
    rows, columns = np.nonzero(picture < 128)
    assert (picture.shape, picture.dtype) == ((64, 64), np.uint8)
    assert (picture[0, 0], picture.min()) == (255, 0)
    assert rows.max() - rows.min() == pytest.approx(44 + 4, abs=2)
    assert columns.max() - columns.min() == pytest.approx(4.4 + 4, abs=2)
    assert (rows.max() + rows.min()) / 2 == pytest.approx(31.5, abs=1)


@pytest.mark.parametrize("strokes", [[[(5, 5)]], [[(0, 0), (0, 0)]]])
def test_a_dot_can_be_drawn(strokes: list[list[tuple[int, int]]]) -> None:
    (dot,) = parse(unipen([(1, 1, strokes)]), "text")
    assert (pen_pictures.draw_picture(dot) < 128).any()


# --- the real files


@pytest.fixture
def real_cache() -> Path:
    """The cache, if pendigits is in it: no test fetches it."""
    if not pendigits.is_complete():
        pytest.skip("pendigits is not in the cache: numeye data pendigits")
    return pendigits.cache_folder()


def test_the_real_files_hold_250_digits_of_each_writer(real_cache: Path) -> None:
    for part, count, writers in (("train", 7_494, 30), ("test", 3_498, 14)):
        trajectories = pendigits.load(part, real_cache)  # type: ignore[arg-type]
        assert len(trajectories) == count
        digits = Counter(trajectory.writer for trajectory in trajectories)
        assert sorted(digits) == list(range(1, writers + 1))
        assert set(digits.values()) <= {247, 249, 250}
        assert all(len(stroke) for item in trajectories for stroke in item.strokes)


def test_the_real_test_digits_are_a_data_set(real_cache: Path) -> None:
    pictures, digits = pen_pictures.open_test_digits(real_cache)
    assert pictures.shape == (3_498, 64, 64)
    assert np.bincount(digits).tolist() == [363, 364, 364, 336, 364, 335, 336, 364, 336, 336]
