"""Reading over HTTP: every kind of body, and requests that are rejected."""

from __future__ import annotations

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from numeye import Reader
from numeye.io.images import only_page
from numeye.server.app import create_app
from tests.server.bodies import (
    EXAMPLES,
    FORM_HEADERS,
    JPEG_HEADERS,
    JSON_HEADERS,
    NPY_HEADERS,
    PNG_HEADERS,
    ROWS,
    SEVEN,
    npy,
    png,
    tiff,
)

NPY_ERROR = "the .npy file cannot be parsed"
NO_FILES = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
MANY_ARRAYS = json.dumps({"arrays": [[]] * 71}).encode()
MANY_PICTURES = npy(np.zeros((71, 2, 2), np.uint8))
BAD_REQUESTS = {
    "nothing": (b"", PNG_HEADERS, 422, "contains no picture"),
    "no type": (b"x", {}, 415, "missing"),
    "unsupported type": (b"x", {"Content-Type": "text/html"}, 415, "'text/html'"),
    "incomplete type": (b"x", {"Content-Type": "json"}, 415, "'json'"),
    "too long": (bytes(3_000_001), PNG_HEADERS, 413, "3,000,001 bytes; expected at most 3,000,000"),
    "large": (png((1_500, 1_500)), PNG_HEADERS, 422, "megapixels"),
    "cut off": (SEVEN.read_bytes()[:2_000], JPEG_HEADERS, 422, "damaged"),
    "text": (b"<svg xmlns='x'>", PNG_HEADERS, 422, "it is text"),
    "no JSON": (b"{", JSON_HEADERS, 422, "the JSON cannot be parsed"),
    "a list": (b"[1]", JSON_HEADERS, 422, "not an object"),
    "other keys": (b'{"path": "/etc/passwd"}', JSON_HEADERS, 422, "not an object"),
    "not base64": (b'{"images": ["#"]}', JSON_HEADERS, 422, "not base64"),
    "a number": (b'{"images": [5]}', JSON_HEADERS, 422, "not base64"),
    "ragged": (b'{"arrays": [[[1], [1, 2]]]}', JSON_HEADERS, 422, "does not consist of rows"),
    "words": (b'{"arrays": [[["a"]]]}', JSON_HEADERS, 422, "does not consist of rows of numbers"),
    "many empty arrays": (MANY_ARRAYS, JSON_HEADERS, 413, "71 pictures"),
    "long JSON": (b" " * 2_000_001, JSON_HEADERS, 413, "at most 2,000,000"),
    "flat": (b'{"arrays": [[1, 2]]}', JSON_HEADERS, 422, "1 dimensions"),
    "no magic": (b"\x93NUMPZ\x01\x00", NPY_HEADERS, 422, NPY_ERROR),
    "too many": (MANY_PICTURES, NPY_HEADERS, 413, "71 pictures; expected at most 70"),
    "no form": (b"x", {"Content-Type": "multipart/form-data"}, 422, "the form cannot be parsed"),
    "broken form": (b"--x\r\nbroken", FORM_HEADERS, 422, "no picture"),
    "form without files": (NO_FILES, FORM_HEADERS, 422, "no picture"),
}


def test_every_kind_of_body_gives_the_same_reading(client: TestClient) -> None:
    content = ROWS.read_bytes()
    expected = Reader(threads=1).read(content).to_dict()
    form = client.post("/v1/read", files={"image": ("rows.png", content)}).json()["results"]
    assert form == [{**expected, "image": "rows.png"}]
    assert expected["text"] == "407 1250\n88 31170\n9526"
    raw = client.post("/v1/read", content=content, headers=PNG_HEADERS)
    octets = client.post(
        "/v1/read", content=content, headers={"Content-Type": "application/octet-stream"}
    )
    in_base64 = client.post("/v1/read", json={"images": [base64.b64encode(content).decode()]})
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    numbers = client.post("/v1/read", json={"arrays": [grey.tolist()]})
    array = client.post("/v1/read", content=npy(grey), headers=NPY_HEADERS)
    for response in (raw, octets, in_base64, numbers, array):
        assert (response.status_code, response.json()) == (200, {"results": [expected]})


def test_many_digits_at_once_constraints_and_another_model(
    client: TestClient, digits: np.ndarray
) -> None:
    reader = Reader(single=True, threads=1)
    expected = [reader.read(picture).digits[0].digit for picture in digits]
    response = client.post("/v1/read?single=true", content=npy(digits), headers=NPY_HEADERS)
    results = response.json()["results"]
    assert [result["digits"][0]["digit"] for result in results] == expected
    card = (EXAMPLES / "numbers" / "card.png").read_bytes()
    response = client.post("/v1/read?digits=16&check=luhn", content=card, headers=PNG_HEADERS)
    (result,) = response.json()["results"]
    assert result["text"] == "4539148803436467"
    assert result["numbers"][0]["constraints"]
    seven = SEVEN.read_bytes()
    response = client.post("/v1/read?model=classic", content=seven, headers=JPEG_HEADERS)
    assert response.json()["results"][0]["text"] == "7"


def test_an_unreadable_picture_has_its_error_in_its_place(client: TestClient) -> None:
    files = [
        ("image", ("a.png", png())),
        ("image", ("b.txt", b"nothing")),
        ("image", ("../c.jpg", SEVEN.read_bytes())),
    ]
    first, second, third = client.post("/v1/read?single=true", files=files).json()["results"]
    assert (first["image"], first["rejected"]) == ("a.png", "blank")
    assert second == {
        "image": "b.txt",
        "error": "the bytes: not a picture that can be read; expected PNG, JPEG, TIFF, "
        "BMP, GIF, WebP or PDF",
    }
    assert (third["image"], third["text"]) == ("../c.jpg", "7")


def test_pages_beyond_the_limit_are_an_error(client: TestClient) -> None:
    results = client.post(
        "/v1/read", content=tiff(3), headers={"Content-Type": "image/tiff"}
    ).json()["results"]
    assert [result.get("page") for result in results] == [0, 1, None]
    assert results[2]["error"] == "more than 2 pages; send the other pages separately"


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_bodies_are_rejected_with_a_clear_message(client: TestClient, name: str) -> None:
    content, headers, status, message = BAD_REQUESTS[name]
    started_at = time.perf_counter()
    response = client.post("/v1/read", content=content, headers=headers)
    assert time.perf_counter() - started_at < 20
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert message in problem["detail"]
    assert problem["hint"]
    assert "\n" not in problem["detail"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("model=nothing", "no model 'nothing'; available: classic, detector, recognizer"),
        ("model=../../x.onnx", "no model"),
        ("digits=0", "digits"),
        ("digits=x", "digits"),
        ("digits=3-1", "expected the smaller number first"),
        ("decimals=x", "decimals"),
        ("range=1", "range"),
        ("range=0..999999999:7", "range: '0..999999999:7' takes too long to search for"),
        ("date=dym", "date"),
        ("decimal_mark=x", "decimal_mark"),
        ("check=sum", "check"),
        ("pattern=(", "pattern"),
        (r"pattern=%5Cd{12}1%5Cd*", "takes too long to search for"),
        ("pattern=x*", "matches no number"),
        ("pattern=((\\d?){9}){9}", "repeats a group"),
        ("max_error=2", "max-error"),
        ("max_error=0.00001%25", "cannot guarantee an error rate"),
        ("single=true&digits=4", "digits"),
    ],
)
def test_bad_queries_are_rejected_with_a_clear_message(
    client: TestClient, query: str, message: str
) -> None:
    response = client.post(f"/v1/read?{query}", content=png(), headers=PNG_HEADERS)
    assert response.status_code == 422, response.text
    detail = response.json()["detail"].lower().replace("-", "").replace("_", "")
    assert message.lower().replace("-", "").replace("_", "") in detail


def test_messages_use_names_of_the_api(client: TestClient) -> None:
    for query, message in (
        ("max_error=lots", "max_error lots"),
        ("model=detector&single=true", "leave out single"),
    ):
        response = client.post(f"/v1/read?{query}", content=png(), headers=PNG_HEADERS)
        detail = response.json()["detail"]
        assert message in detail
        assert "--" not in detail


def test_the_character_set_of_a_form_is_ignored(client: TestClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="\\ud800"\r\n\r\n'
        + png()
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}
    answer = client.post("/v1/read?single=true", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["rejected"] == "blank"


def test_data_urls_are_accepted(client: TestClient) -> None:
    encoded = base64.b64encode(SEVEN.read_bytes()).decode()
    for before in (
        "data:image/jpeg;base64,",
        "DATA:;base64,",
        "data:image/jpeg;charset=x;base64,",
        "",
    ):
        read = client.post("/v1/read?single=true", json={"images": [before + encoded]})
        assert read.json()["results"][0]["text"] == "7"
    for wrong in ("data:image/jpeg," + encoded, "data:image/jpeg;base64", "data:"):
        rejected = client.post("/v1/read?single=true", json={"images": [wrong]})
        assert (rejected.status_code, "not base64" in rejected.json()["detail"]) == (422, True)


def test_arrays_in_json_may_be_grey_colour_or_boolean(client: TestClient) -> None:
    digit = Image.fromarray(only_page(SEVEN).grey)  # upright
    digit.thumbnail((160, 160))
    rows, colours = np.asarray(digit).tolist(), np.asarray(digit.convert("RGB")).tolist()
    fractions = (np.asarray(digit) / 255).tolist()
    response = client.post("/v1/read?single=true", json={"arrays": [rows, colours, fractions]})
    assert [result["text"] for result in response.json()["results"]] == ["7"] * 3
    mask = (np.asarray(digit) > 128).tolist()
    assert client.post("/v1/read?single=true", json={"arrays": [mask]}).status_code == 200
    for wrong in (
        "[[[1,2],[3]]]",
        "[[[1,2],3]]",
        "[[[true,null]]]",
        '[[[1,"a"]]]',
        "[[[1],[2]],true]",
        "[1,[[1]]]",
        "[{}]",
    ):
        content = b'{"arrays":' + wrong.encode() + b"}"
        response = client.post("/v1/read", content=content, headers=JSON_HEADERS)
        assert response.status_code == 422, wrong


def test_several_pdfs_are_read_at_the_same_time() -> None:
    page = Image.open(ROWS).convert("RGB")
    file = io.BytesIO()
    page.save(file, format="PDF", resolution=200, save_all=True, append_images=[page])
    headers = {"Content-Type": "application/pdf"}
    with TestClient(create_app()) as client, ThreadPoolExecutor(4) as pool:
        post = partial(client.post, "/v1/read", content=file.getvalue(), headers=headers)
        answers = list(pool.map(lambda _: post(), range(4)))
    assert {len(answer.json()["results"]) for answer in answers} == {2}
