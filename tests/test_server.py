from __future__ import annotations

import base64
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from numeye import Reader, Reading, mnist
from numeye.image import Page
from numeye.server import batches as batching
from numeye.server import page
from numeye.server.app import create_app
from numeye.server.desk import READERS, Asked, Desk
from numeye.server.limits import Limits

EXAMPLES = Path(__file__).parent.parent / "examples"
SEVEN, ROWS = EXAMPLES / "digits" / "7-turned.jpg", EXAMPLES / "numbers" / "rows.png"
DESCRIPTION = Path(__file__).parent.parent / "docs" / "openapi.json"
AS_JSON, AS_FORM = {"Content-Type": "application/json"}, {"Content-Type": "multipart/form-data; boundary=x"}
NO_NPY = "no .npy that can be read"
JPEG, PNG, NPY = {"Content-Type": "image/jpeg"}, {"Content-Type": "image/png"}, {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(
        create_app(Limits(request=3_000_000, json=2_000_000, pixels=2_000_000, pictures=70, pages=2))
    ) as one:
        yield one


@pytest.fixture(scope="module")
def digits(mnist_cache: Path) -> np.ndarray:
    return mnist.load("train", mnist_cache)[0][:64]


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype == object)
    return file.getvalue()


def png(size: tuple[int, int] = (60, 60)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, 255).save(file, format="PNG")
    return file.getvalue()


def test_a_picture_is_read_as_numeye_reads_it_however_it_is_sent(client: TestClient) -> None:
    content = ROWS.read_bytes()
    expected = Reader(threads=1).read(content).to_dict()
    form = client.post("/v1/read", files={"image": ("rows.png", content)}).json()["results"]
    assert form == [{**expected, "image": "rows.png"}]
    assert expected["text"] == "407 1250\n88 31170\n9526"
    raw = client.post("/v1/read", content=content, headers=PNG)
    octets = client.post("/v1/read", content=content, headers={"Content-Type": "application/octet-stream"})
    coded = client.post("/v1/read", json={"images": [base64.b64encode(content).decode()]})
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    numbers = client.post("/v1/read", json={"arrays": [grey.tolist()]})
    array = client.post("/v1/read", content=npy(grey), headers=NPY)
    for response in (raw, octets, coded, numbers, array):
        assert (response.status_code, response.json()) == (200, {"results": [expected]})


def test_many_digits_at_once_and_what_is_known_of_numbers(client: TestClient, digits: np.ndarray) -> None:
    reader = Reader(single=True, threads=1)
    expected = [reader.read(picture).digits[0].digit for picture in digits]
    found = client.post("/v1/read?single=true", content=npy(digits), headers=NPY).json()["results"]
    assert [one["digits"][0]["digit"] for one in found] == expected
    card = (EXAMPLES / "numbers" / "card.png").read_bytes()
    read = client.post("/v1/read?digits=16&check=luhn", content=card, headers=PNG).json()["results"][0]
    assert read["text"] == "4539148803436467"
    assert read["numbers"][0]["fits"]
    classic = client.post("/v1/read?model=classic", content=SEVEN.read_bytes(), headers=JPEG).json()["results"][0]
    assert classic["text"] == "7"


def test_digits_of_several_requests_read_together_come_to_those_who_asked(
    client: TestClient, digits: np.ndarray
) -> None:
    def ask(start: int) -> list[int]:
        sent = npy(digits[start : start + 3])
        found = client.post("/v1/read?single=true", content=sent, headers=NPY).json()["results"]
        return [one["digits"][0]["digit"] for one in found]

    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(ask, range(40)))
    assert together == [ask(start) for start in range(40)]


def test_what_cannot_be_read_stands_in_its_place(client: TestClient) -> None:
    files = [("image", ("a.png", png())), ("image", ("b.txt", b"nothing")), ("image", ("../c.jpg", SEVEN.read_bytes()))]
    first, second, third = client.post("/v1/read?single=true", files=files).json()["results"]
    assert (first["image"], first["rejected"]) == ("a.png", "blank")
    assert second == {"image": "b.txt", "error": "the bytes: not a picture that can be read; expected PNG, JPEG, TIFF, "
                      "BMP, GIF, WebP or PDF"}  # fmt: skip
    assert (third["image"], third["text"]) == ("../c.jpg", "7")


def tiff(pages: int) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("L", (40, 40), 255) for _ in range(pages)]
    first.save(file, format="TIFF", save_all=True, append_images=others)
    return file.getvalue()


def test_pages_beyond_the_limit_are_told(client: TestClient) -> None:
    found = client.post("/v1/read", content=tiff(3), headers={"Content-Type": "image/tiff"}).json()["results"]
    assert [one.get("page") for one in found] == [0, 1, None]
    assert found[2]["error"] == "more than 2 pages; send the others by themselves"


NO_FILES = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
BAD = {
    "nothing": (b"", PNG, 422, "there is no picture"),
    "no kind": (b"x", {}, 415, "missing"),
    "another kind": (b"x", {"Content-Type": "text/html"}, 415, "'text/html'"),
    "part of a kind": (b"x", {"Content-Type": "json"}, 415, "'json'"),
    "too long": (bytes(3_000_001), PNG, 413, "3,000,001 bytes; at most 3,000,000"),
    "large": (png((1_500, 1_500)), PNG, 422, "megapixels"),
    "cut off": (SEVEN.read_bytes()[:2_000], JPEG, 422, "damaged"),
    "text": (b"<svg xmlns='x'>", PNG, 422, "it is text"),
    "no JSON": (b"{", AS_JSON, 422, "JSON that cannot be read"),
    "a list": (b"[1]", AS_JSON, 422, "expected an object"),
    "other keys": (b'{"path": "/etc/passwd"}', AS_JSON, 422, "expected an object"),
    "no base64": (b'{"images": ["#"]}', AS_JSON, 422, "no base64"),
    "a number": (b'{"images": [5]}', AS_JSON, 422, "no base64"),
    "ragged": (b'{"arrays": [[[1], [1, 2]]]}', AS_JSON, 422, "an array"),
    "words": (b'{"arrays": [[["a"]]]}', AS_JSON, 422, "not of numbers"),
    "many empty ones": (json.dumps({"arrays": [[]] * 71}).encode(), AS_JSON, 413, "71 pictures"),
    "long JSON": (b" " * 2_000_001, AS_JSON, 413, "at most 2,000,000"),
    "flat": (b'{"arrays": [[1, 2]]}', AS_JSON, 422, "1 dimensions"),
    "no magic": (b"\x93NUMPZ\x01\x00", NPY, 422, NO_NPY),
    "too many": (npy(np.zeros((71, 2, 2), np.uint8)), NPY, 413, "71 pictures; at most 70"),
    "no form": (b"x", {"Content-Type": "multipart/form-data"}, 422, "a form that cannot be read"),
    "broken form": (b"--x\r\nbroken", AS_FORM, 422, "no picture"),
    "form without files": (NO_FILES, AS_FORM, 422, "no picture"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_end_in_one_clear_line(client: TestClient, name: str) -> None:
    content, headers, status, said = BAD[name]
    begun = time.perf_counter()
    response = client.post("/v1/read", content=content, headers=headers)
    assert time.perf_counter() - begun < 20
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert said in problem["detail"]
    assert problem["hint"]
    assert "\n" not in problem["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=nothing", "no model 'nothing'; there are classic, reader, spotter"),
        ("model=../../x.onnx", "no model"),
        ("digits=0", "digits"),
        ("digits=x", "digits"),
        ("check=sum", "check"),
        ("expect=(", "expect"),
        (r"expect=%5Cd{9}1%5Cd*", "takes too long to look for"),
        ("expect=x*", "matches no number"),
        ("expect=((\\d?){9}){9}", "repeats a group"),
        ("max_error=2", "max-error"),
        ("max_error=0.00001%25", "can promise"),
        ("single=true&digits=4", "digits"),
    ],
)
def test_wrong_wishes_end_in_one_clear_line(client: TestClient, query: str, said: str) -> None:
    response = client.post(f"/v1/read?{query}", content=png(), headers=PNG)
    assert response.status_code == 422, response.text
    assert said.lower().replace("-", "").replace("_", "") in response.json()["detail"].lower().replace("-", "").replace(
        "_", ""
    )


def test_other_paths_and_methods_are_problems_too(client: TestClient) -> None:
    for response, status in ((client.get("/nothing"), 404), (client.get("/v1/read"), 405)):
        assert (response.status_code, response.json()["status"]) == (status, status)
        assert response.headers["content-type"] == "application/problem+json"


def test_who_comes_when_it_is_full_is_told_to_wait() -> None:
    with TestClient(create_app(Limits(requests=0))) as client:
        response = client.post("/v1/read", content=png(), headers=PNG)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json() == {"status": "ok"}


def test_what_takes_too_long_is_given_up_and_keeps_its_place_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(Desk, "_read_pages", lambda *_: [go_on.wait(60)][:0])
    with TestClient(create_app(Limits(seconds=0.2, requests=1))) as client:
        response = client.post("/v1/read", content=png(), headers=PNG)
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        assert "took longer" in response.json()["detail"]
        assert client.get("/readyz").status_code == 503
        assert client.post("/v1/read", content=png(), headers=PNG).headers["retry-after"] == "1"
        go_on.set()
        for _ in range(200):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.02)
        assert client.get("/readyz").status_code == 200


def test_a_refused_request_gives_its_place_back() -> None:
    with TestClient(create_app(Limits(requests=1))) as client:
        for _ in range(3):
            assert client.post("/v1/read", content=b"x", headers={"Content-Type": "text/html"}).status_code == 415


def test_a_request_that_breaks_the_reader_does_not_break_those_beside_it(
    monkeypatch: pytest.MonkeyPatch, digits: np.ndarray
) -> None:
    read, batches = Reader.read_pages, []

    def moody(self: Reader, pages: list[Page]) -> list[Reading]:
        batches.append(len(pages))
        if any(page.grey.shape == (29, 29) for page in pages):
            raise MemoryError("too much for me")
        return read(self, pages)

    monkeypatch.setattr(Reader, "read_pages", moody)
    monkeypatch.setattr(batching, "LATENCY", 0.5)  # so that all come together
    sent = [npy(digits[:2]), npy(np.zeros((1, 29, 29), np.uint8)), npy(digits[2:4])]
    with TestClient(create_app()) as client, ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda one: client.post("/v1/read?single=true", content=one, headers=NPY), sent))
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[1].json()["title"] == "Our fault"
    assert answers[1].headers["x-content-type-options"] == "nosniff"
    assert "too much" not in answers[1].text
    assert max(batches) > 2


def test_pdfs_are_read_side_by_side() -> None:
    page = Image.open(ROWS).convert("RGB")
    file = io.BytesIO()
    page.save(file, format="PDF", resolution=200, save_all=True, append_images=[page])
    headers = {"Content-Type": "application/pdf"}
    with TestClient(create_app()) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/read", content=file.getvalue(), headers=headers), range(4)))
    assert {len(answer.json()["results"]) for answer in answers} == {2}


def test_a_form_with_a_character_set_of_its_own_is_read_all_the_same(client: TestClient) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="\\ud800"\r\n\r\n' + png() + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}
    answer = client.post("/v1/read?single=true", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["rejected"] == "blank"


def test_only_who_has_a_key_may_ask() -> None:
    with TestClient(create_app(keys=["first", "sécond"])) as client:
        for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic first"}):
            refused = client.post("/v1/read", content=png(), headers={**PNG, **headers})
            assert (refused.status_code, refused.json()["title"]) == (401, "No valid key")
            assert client.get("/v1/models", headers=headers).status_code == 401
        assert client.get("/v1/models", headers={"Authorization": "Bearer first"}).status_code == 200
        assert client.get("/v1/models", headers={"Authorization": "Bearer sécond".encode()}).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_the_description_says_how_a_key_is_sent(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    asked = {path for path, ways in described["paths"].items() for way in ways.values() if way.get("security")}
    assert asked >= {"/v1/read", "/v1/models", "/v1/explain", "/v1/units"}


def test_wishes_that_differ_do_not_push_out_the_readers_that_everybody_uses() -> None:
    desk = Desk(Limits())
    plain = [desk._reader(Asked(single=single)) for single in (False, True)]
    for digits in range(1, 2 * READERS):
        desk._reader(Asked(digits=digits))
    assert [desk._reader(Asked(single=single)) for single in (False, True)] == plain
    desk.close()


def test_other_machines_may_ask_so_often_and_this_one_as_it_likes() -> None:
    app = create_app(Limits(rate=2))
    with TestClient(app) as far, TestClient(app, client=("127.0.0.1", 1)) as here:
        assert [far.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
        assert 1 <= int(far.get("/v1/models").headers["retry-after"]) <= 31
        assert {here.get("/v1/models").status_code for _ in range(6)} == {200}


def test_models_come_with_their_cards(client: TestClient) -> None:
    found = {one["name"]: one for one in client.get("/v1/models").json()["models"]}
    assert sorted(found) == ["classic", "reader", "spotter"]
    assert [found[name]["default"] for name in sorted(found)] == [False, True, True]
    assert found["classic"]["card"]["parameters"] == 206_922


def test_counts_tell_how_many_and_nothing_of_what(client: TestClient) -> None:
    before = client.get("/metrics").text
    client.post("/v1/read?single=true", content=png(), headers=PNG)
    after = client.get("/metrics").text

    def count(text: str) -> float:
        found = re.search(r'numeye_pages_total\{outcome="rejected"\} ([\d.]+)', text)
        return float(found[1]) if found else 0.0

    assert count(after) == count(before) + 1
    assert "numeye_seconds_bucket" in after


def test_every_answer_is_safe_for_browsers(client: TestClient) -> None:
    for path in ("/healthz", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


def test_the_description_in_the_docs_is_that_of_the_server(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described == json.loads(DESCRIPTION.read_text(encoding="utf-8")), "make openapi writes it anew"


def test_serve_answers_until_ctrl_c(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("secret\n", encoding="utf-8")
    command = [sys.executable, "-m", "numeye", "serve", "--port", "0", "--keys", str(keys)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        line = server.stderr.readline()
        url = line.split()[0]
        headers = {**JPEG, "Authorization": "Bearer secret"}
        answer = httpx2.post(f"{url}v1/read?single=true", content=SEVEN.read_bytes(), headers=headers, timeout=60)
        assert answer.json()["results"][0]["text"] == "7"
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert (server.returncode, said) == (130, "")


def test_serve_says_what_is_wrong_in_a_line(numeye: object, tmp_path: Path) -> None:
    assert callable(numeye)
    (tmp_path / "empty").touch()
    for arguments, said in (
        (("--keys", tmp_path / "nothing"), "cannot be read"),
        (("--keys", tmp_path / "empty"), "holds no key"),
        (("--host", "192.0.2.1"), "cannot be listened at"),
    ):
        done = numeye("serve", *arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert said in done.stderr


def test_the_page_serves_files_of_known_kinds_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("index.html", "main.js", "main.js.orig", "notes"):
        (tmp_path / name).write_text("here")
    (tmp_path / "folder.js").mkdir()
    monkeypatch.setattr(page, "_guide", lambda name: b"told")
    monkeypatch.setattr(page, "WEB", tmp_path)
    client = TestClient(create_app())
    served = {path: client.get(path).status_code for path in ("/", "/main.js", "/main.js.orig", "/notes", "/folder.js")}
    assert served == {"/": 200, "/main.js": 200, "/main.js.orig": 404, "/notes": 404, "/folder.js": 404}


def test_the_guide_is_what_the_tour_leads_to() -> None:
    """And what the wheel packs beside the page."""
    tours = json.loads((page.WEB / "texts.json").read_text(encoding="utf-8"))["tours"]
    assert {tour["more"] for tour in tours.values() if "more" in tour} == set(page.GUIDE)
    packed = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {f"docs/{name}.md": f"numeye/server/guide/{name}.md" for name in page.GUIDE}
    assert packed["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == wanted
