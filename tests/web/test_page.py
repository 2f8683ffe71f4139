"""The page as a person uses it: drawing, pictures, what is fed in, what is shared and saved."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from numeye.server import static_files as pages
from tests.web.screen import EMPTY, SEVEN, Screen

pytestmark = pytest.mark.web


def row_of(digits: list[np.ndarray]) -> bytes:
    """A photo of some digits in one row, dark on grey noisy paper."""
    sheet = np.random.default_rng(0).normal(190, 5, (150, 60 + 110 * len(digits)))
    for place, digit in enumerate(digits):
        big = (
            np.asarray(Image.fromarray(digit).resize((84, 84), Image.Resampling.BICUBIC), float)
            / 255
        )
        sheet[33:117, 40 + 110 * place : 124 + 110 * place] -= 150 * big
    file = io.BytesIO()
    Image.fromarray(sheet.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def photo(train_images: np.ndarray, train_labels: np.ndarray) -> bytes:
    """A 4, a 0 and a 7."""
    return row_of([train_images[np.flatnonzero(train_labels == digit)[3]] for digit in (4, 0, 7)])


def uploaded(content: bytes, name: str = "row.png", kind: str = "image/png") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": content}


# --- drawing
# ---------------------------------------------------------------------------


def test_a_seven_is_read_while_it_is_drawn(screen: Screen) -> None:
    page = screen.open()
    assert page.title() == "Numeye"
    screen.reads(EMPTY)
    screen.seven()
    bars = screen.bars()
    assert len(bars) in (10, 11)
    assert bars.index(max(bars)) == 7
    assert sum(bars) == pytest.approx(100, abs=1)
    assert page.locator("#answer .bars div:visible").count() == len(bars)
    page.wait_for_selector(
        "#announcement:text-matches('^Answer 7, ')", state="attached"
    )  # for ears
    assert page.get_attribute("#announcement", "aria-live") == "polite"


def test_the_textbook_network_has_ten_bars(screen: Screen) -> None:
    screen.open("m=classic")
    screen.seven()
    assert len(screen.bars()) == 10
    assert screen.bars()[7] > 50


def test_scribble_is_no_digit(screen: Screen) -> None:
    page = screen.open()
    page.fill("#width", "8")
    screen.stroke([tuple(place) for place in np.random.default_rng(1).uniform(15, 265, (70, 2))])
    assert "Rejected: " in screen.rejects()
    page.wait_for_selector("#announcement:has-text('Rejected: ')", state="attached")


def test_undo_clear_eraser_and_width(screen: Screen) -> None:
    page = screen.open()
    screen.seven()
    seven = screen.picture("#drawing")
    page.fill("#width", "40")
    screen.stroke([(30, 250), (250, 250)])
    thick = screen.picture("#drawing")
    assert thick != seven
    page.click("#undo")
    assert screen.picture("#drawing") == seven
    page.click("#eraser")
    assert page.get_attribute("#eraser", "aria-pressed") == "true"
    screen.stroke([(84, 66), (196, 66)])
    assert screen.picture("#drawing") != seven
    page.keyboard.press("Control+z")
    assert screen.picture("#drawing") == seven
    page.click("#pen")
    page.fill("#width", "4")
    screen.stroke([(30, 250), (250, 250)])
    assert screen.picture("#drawing") not in (seven, thick)
    page.click("#clear")
    screen.reads(EMPTY)
    assert screen.bars() == []
    assert page.inner_text("#announcement") == EMPTY
    assert page.eval_on_selector(
        "#drawing",
        "c => c.getContext('2d').getImageData(0, 0, 280, 280).data.every(v => v === 255)",
    )


def test_a_finger_draws_too(screen: Screen) -> None:
    page = screen.open()
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    touch = screen.context.new_cdp_session(page)
    dense = [
        (a[0] + (b[0] - a[0]) * n / 8, a[1] + (b[1] - a[1]) * n / 8)
        for a, b in pairwise(SEVEN)
        for n in range(9)
    ]
    for n, (x, y) in enumerate(dense):
        point = {"x": box["x"] + x * box["width"] / 280, "y": box["y"] + y * box["height"] / 280}
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": "touchMove" if n else "touchStart", "touchPoints": [point]},
        )
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    screen.reads("7")
    assert page.evaluate("scrollY") == 0


def test_the_keyboard_draws_too(screen: Screen) -> None:
    page = screen.open()
    page.focus("#drawing")
    for key, times in (("ArrowUp", 6), (" ", 1), ("ArrowDown", 12), (" ", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    screen.reads("1")
    assert page.locator("#cursor").is_visible()  # where the pen is can be seen
    page.keyboard.press(" ")
    page.click("#clear")
    page.focus("#drawing")
    page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")  # clearing lifted the pen, so this puts it down
    assert page.inner_text("#announcement") == "pen down"
    page.click("#tab-fool")  # and so does going elsewhere
    page.wait_for_selector("#strip-hide span")
    page.focus("#drawing")
    page.keyboard.press(" ")
    assert page.inner_text("#announcement") == "pen down"


def test_examples_are_read_as_what_they_are(screen: Screen) -> None:
    page = screen.open()
    for digit in range(10):
        page.get_by_role("button", name=f"Draw a {digit}").click()
        screen.reads(str(digit))


# --- pictures
# ---------------------------------------------------------------------------


def test_a_photo_is_read_in_order_and_each_digit_looked_at(screen: Screen, photo: bytes) -> None:
    page = screen.open()
    page.set_input_files("#upload", uploaded(photo))
    screen.reads("407")
    assert screen.inked("#boxes") > 0
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    page.wait_for_selector(".steps canvas")
    fed = [screen.picture(".steps li:last-child canvas")]  # the first digit is looked into unasked
    for place, digit in ((2, 7), (1, 0)):
        at = {"x": (82 + 110 * place) / 390 * box["width"], "y": box["height"] / 2}
        page.click("#drawing", position=at)
        page.wait_for_function(
            "d => document.querySelector('#answer .bars .best')?.textContent == d", arg=str(digit)
        )
        bars = screen.bars()
        assert bars.index(max(bars)) == digit
        page.wait_for_function(
            "before => document.querySelector('.steps li:last-child canvas')?.toDataURL() !=="
            " before",
            arg=fed[-1],
        )
        fed.append(screen.picture(".steps li:last-child canvas"))
    assert len(set(fed)) == 3
    buttons = page.locator(".digits button")  # by keyboard
    assert buttons.all_inner_texts() == ["4", "0", "7"]
    buttons.nth(0).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer .bars .best:has-text('4')")
    assert [button.get_attribute("aria-pressed") for button in buttons.all()] == [
        "true",
        "false",
        "false",
    ]


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_pictures_are_dropped_and_pasted(screen: Screen, photo: bytes, how: str) -> None:
    page = screen.open()
    screen.seven()
    screen.drop(photo, "row.png", "image/png", how)
    screen.reads("407")
    page.click("#undo")  # there is no stroke to be taken back
    screen.settled()
    screen.reads("407")
    pixels = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
    assert (
        page.eval_on_selector(
            "#drawing", f"{pixels}.filter((v, n) => n % 4 === 0 && v < 90).length"
        )
        > 500
    )
    screen.stroke(SEVEN)  # on a new sheet
    screen.reads("7")


def test_what_is_no_picture_is_told(screen: Screen, photo: bytes) -> None:
    page = screen.open()
    page.set_input_files("#upload", uploaded(b"no picture", "notes.txt", "text/plain"))
    screen.told("PNG")
    page.set_input_files("#upload", uploaded(photo))
    screen.reads("407")
    page.wait_for_selector(".steps canvas")
    page.set_input_files("#upload", uploaded(b"no picture", "notes.txt", "text/plain"))
    screen.told("PNG")
    assert page.locator(".digits").is_hidden()  # nothing is left of the picture before
    assert page.inner_text("#answer .verdict").strip() == ""
    assert page.locator(".steps canvas").count() == 0
    screen.stroke(SEVEN)
    screen.reads("7")
    page.wait_for_selector("#problem", state="hidden")


# --- what is fed in
# ---------------------------------------------------------------------------


def test_steps_are_shown_and_left_out(screen: Screen) -> None:
    page = screen.open("m=classic")
    screen.seven()
    page.wait_for_selector('[data-key="centre"]')
    keys = page.eval_on_selector_all(".steps input", "boxes => boxes.map(box => box.dataset.key)")
    assert {"centre", "size"} <= set(keys)
    assert page.locator(".steps canvas").count() == len(keys) + 1
    seen = {(screen.picture(".steps li:last-child canvas"), tuple(screen.bars()))}
    for key in ("centre", "size"):
        before, bars = screen.picture(".steps li:last-child canvas"), screen.bars()
        page.click(f'[data-key="{key}"]')
        page.wait_for_function(
            "before => document.querySelector('.steps li:last-child canvas').toDataURL() !=="
            " before",
            arg=before,
        )
        page.wait_for_selector(f'.steps li.off [data-key="{key}"]')
        # not thrown back to the start
        assert page.evaluate("document.activeElement.dataset.key") == key
        assert screen.bars() != bars
        seen.add((screen.picture(".steps li:last-child canvas"), tuple(screen.bars())))
    assert len(seen) == 3
    said = screen.numbers("#view-input")
    assert [one["key"] for one in said["steps"]] == keys
    assert {one["key"] for one in said["steps"] if not one["applied"]} >= {"centre", "size"}
    assert len(said["pixels"]) == 28 * 28


# --- shared and saved
# ---------------------------------------------------------------------------


def test_an_address_opens_the_same_again(screen: Screen) -> None:
    screen.open("m=classic")
    screen.seven()
    screen.view("inside")
    screen.page.click(screen.layer("convolution 2"), position={"x": 30, "y": 30})
    screen.page.wait_for_selector("#sum")
    bars, said = screen.bars(), screen.page.inner_text("#detail h3 >> nth=0")
    screen.page.select_option("#second", "recognizer")
    screen.reads("7", ".second")
    page = screen.another()
    screen.reads("7")
    screen.reads("7", ".second")
    assert page.input_value("#model") == "classic"
    assert page.get_attribute("#tab-inside", "aria-selected") == "true"
    page.wait_for_selector("#sum")
    assert screen.bars() == pytest.approx(bars, abs=1.5)  # points are kept to a 255th of the paper
    assert page.inner_text("#detail h3 >> nth=0") == said
    assert said.startswith("convolution 2, unit ")


@pytest.mark.parametrize(
    "state",
    [
        "s=%%%&v=nothing&m=nobody",
        "t=abc&l=x~y~z&w=nothing&c=nobody",
        "s=AAAA&l=convolution 1~999~9~9&v=inside&m=classic",
        "t=99&s=!!",
    ],
)
def test_a_broken_address_does_no_harm(screen: Screen, state: str) -> None:
    page = screen.open(state)
    screen.stroke(SEVEN)
    if "nobody" in state:
        screen.told("no model 'nobody'")
        page.select_option("#second", "")
        screen.model("recognizer")
    screen.reads("7")
    page.wait_for_selector("#problem", state="hidden")
    assert "NaN" not in page.inner_text("body")
    screen.forgive()


def test_another_address_in_an_open_tab_is_followed(screen: Screen) -> None:
    page = screen.open()
    screen.seven()
    page.wait_for_url("**s=*")
    drawn = page.url
    page.click("#clear")
    screen.reads("Draw something")
    page.evaluate("address => { location.href = address; }", drawn.replace("v=input", "v=fool"))
    screen.reads("7")
    page.wait_for_selector("#view-fool:not([hidden])")
    page.keyboard.press("Tab")
    page.focus("#skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "answer"


def test_two_networks_side_by_side(screen: Screen) -> None:
    page = screen.open()
    screen.seven()
    assert page.locator(".second").is_hidden()
    page.select_option("#second", "classic")
    screen.reads("7", ".second")
    assert len(screen.bars(".second")) == 10
    assert page.inner_text(".second h3") == "classic"
    page.click("#clear")
    page.get_by_role("button", name="Draw a 3").click()
    screen.reads("3")
    screen.reads("3", ".second")
    page.select_option("#second", "")
    page.wait_for_selector(".second", state="hidden")


def test_the_network_beside_reads_the_digit_that_is_chosen(screen: Screen, photo: bytes) -> None:
    page = screen.open("c=classic")
    page.set_input_files("#upload", uploaded(photo))
    for digit in "407":
        page.get_by_role("button", name=digit, exact=True).first.click()
        screen.reads(digit, ".second")


def test_a_part_of_a_large_picture_is_looked_into_as_sharp_as_it_is(screen: Screen) -> None:
    fine = np.full((1_200, 3_000), 255, np.uint8)
    fine[:, ::2] = 0  # lines that are lost where it is shown a third as large
    page = screen.open()
    part = """async ([bytes]) => {
        const { crop } = await import("/pixels.js");
        const file = new Blob([new Uint8Array(bytes)], { type: "image/png" });
        const picture = { file, bitmap: await createImageBitmap(file), turned: 0 };
        const sent = crop({ strokes: [], picture }, [100, 100, 40, 40]).body;
        return Array.from(sent.slice(-40));
    }"""
    stored = io.BytesIO()
    Image.fromarray(fine).save(stored, format="PNG")
    told = page.evaluate(part, [list(stored.getvalue())])
    assert told == [0, 255] * 20


def test_a_step_that_is_left_out_is_of_its_own_network_alone(screen: Screen) -> None:
    page = screen.open("m=classic&c=recognizer")
    screen.seven()
    page.click(".steps [data-key=centre]")
    page.wait_for_selector(".steps .off")
    page.click("#clear")
    page.get_by_role("button", name="Draw a 3").click()
    screen.reads("3", ".second")  # which knows no centre
    page.click("#tour-start")
    page.select_option("#model", "recognizer")
    page.click("#tour button:has-text('Next')")  # which goes to classic
    screen.reads("3")
    assert page.locator("#problem").is_hidden()


@pytest.mark.parametrize("view", ["answer", "view-input", "view-inside", "view-fool"])
def test_what_is_saved_is_what_it_says(screen: Screen, view: str) -> None:
    screen.open("m=classic")
    screen.seven()
    if view != "answer":
        screen.view(view.removeprefix("view-"))
    if view == "view-inside":
        screen.layer("linear 2")
    if view == "view-fool":
        screen.page.wait_for_selector("#strip-hide span")
    with Image.open(screen.save("png", f"#{view}")) as picture:
        assert picture.format == "PNG"
        size, grey = picture.size, np.asarray(picture.convert("L"))
    assert grey.min() < 100
    assert grey.std() > 10
    drawing = ET.fromstring(screen.save("svg", f"#{view}").read_text("utf-8"))  # noqa: S314 - our own
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert (int(drawing.attrib["width"]), int(drawing.attrib["height"])) == size
    assert all(one.attrib["href"].startswith("data:image/png;base64,") for one in drawing)
    assert len(drawing) >= 1
    said = screen.numbers(f"#{view}")
    assert json.dumps(said)
    assert said["text"] == "7" if view == "answer" else said["model"] == "classic"


def test_the_page_is_small() -> None:
    assert (
        sum(path.stat().st_size for path in pages.WEB_FOLDER.iterdir())
        <= pages.MAX_TOTAL_BYTES
        == 200_000
    )


def test_every_module_is_type_checked_and_the_first_one_is_short() -> None:
    modules = {path.name: path.read_text("utf-8") for path in pages.WEB_FOLDER.glob("*.js")}
    assert len(modules) > 20
    assert [name for name, text in modules.items() if not text.startswith("// @ts-check\n")] == []
    assert len(modules["main.js"].splitlines()) < 80
    assert [name for name, text in modules.items() if "fetch(" in text] == ["api.js"]
