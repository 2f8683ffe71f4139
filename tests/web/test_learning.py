"""The page's tour, its watching a network learn, and its fooling one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from tests.web.screen import EMPTY, Screen

pytestmark = pytest.mark.web


# --- the tour
# ---------------------------------------------------------------------------


def test_the_tour_has_six_steps_that_an_address_opens_again(screen: Screen) -> None:
    page = screen.open()
    page.click("#tour-start")
    titles, links = [], set()
    for step in range(1, 7):
        title = page.inner_text("#tour-title")
        assert title.startswith(f"{step} / 6: ")
        assert len(page.inner_text("#tour p")) > 100
        titles.append(title)
        links.add(page.get_attribute("#tour a", "href"))
        page.wait_for_function("step => location.hash.includes(`t=${step}`)", arg=step)
        if step < 6:
            page.click("#tour button:has-text('Next')")
    assert len(set(titles)) == 6
    assert page.is_disabled("#tour button:has-text('Next')")
    assert links == {"guide/framing", "guide/tutorial", "guide/results"}
    page.click("#tour button:has-text('Back')")
    page.wait_for_function("() => location.hash.includes('t=5')")
    page = screen.another()
    assert page.inner_text("#tour-title") == titles[4]
    assert page.get_attribute("#tab-learn", "aria-selected") == "true"
    screen.reads("7")  # the tour has brought its own
    page.click("#tour button:has-text('End')")
    page.wait_for_selector("#tour", state="hidden")
    page.wait_for_function("() => !location.hash.includes('t=')")


@pytest.mark.parametrize("name", ["framing", "tutorial", "results"])
def test_the_tours_links_lead_somewhere(screen: Screen, name: str) -> None:
    assert screen.context.request.get(f"{screen.server}/guide/{name}").status == 200


def test_a_shared_step_of_the_tour_keeps_the_network_and_the_view(screen: Screen) -> None:
    page = screen.open("t=6")
    screen.reads("7")
    page.select_option("#model", "recognizer")
    page.click("#tab-inside")
    page = screen.another()
    assert page.input_value("#model") == "recognizer"
    assert page.get_attribute("#tab-inside", "aria-selected") == "true"
    assert page.inner_text("#tour-title").startswith("6 / 6")


def test_a_step_of_the_tour_shows_the_layer_that_it_tells_of(screen: Screen) -> None:
    page = screen.open("t=3")
    screen.reads("7")
    assert page.input_value("#model") == "classic"
    page.wait_for_selector(screen.layer("pooling 1"))
    seen = """layer => {
        const { top, bottom } = document.querySelector(layer).getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight + 1; }"""
    until(screen, lambda: page.evaluate(seen, screen.layer("pooling 1")))


# --- watch it learn
# ---------------------------------------------------------------------------


def points(screen: Screen) -> int:
    return len((screen.page.get_attribute("#view-learn polyline.loss", "points") or "").split())


def until(screen: Screen, what: Callable[[], Any], tries: int = 400) -> None:
    for _ in range(tries):
        if what():
            return
        # lets the page go on; what is waited for is the condition
        screen.page.wait_for_timeout(100)
    pytest.fail("waited in vain")


def test_a_network_is_watched_while_it_learns(screen: Screen) -> None:
    page = screen.open("v=learn")
    screen.seven()
    assert page.input_value("#recipe") == "classic"
    assert page.is_disabled("#explain")  # there is none yet
    assert page.is_disabled("#compare")
    page.fill("#epochs", "50")
    page.click("#start")
    page.wait_for_selector("#training-status:has-text('running')")
    assert page.is_disabled("#start")
    page.wait_for_selector("#training-status:has-text('loss')", timeout=60_000)
    until(screen, lambda: points(screen) >= 2)
    page.click("#stop")
    page.wait_for_selector("#training-status:has-text('stopped')", timeout=60_000)
    before = points(screen)
    page.click("#resume")
    page.wait_for_selector("#training-status:has-text('finished')", timeout=120_000)
    assert points(screen) > before
    assert "after epoch 50" in page.inner_text("#training-status")
    assert page.is_disabled("#stop")
    assert page.is_disabled("#resume")
    last = int(page.get_attribute("#snapshot", "max") or 0)
    assert last >= 5
    until(screen, lambda: len(screen.bars("#training-answer")) == 10)
    screen.quiet()
    trained = (screen.picture("#filters canvas"), screen.bars("#training-answer"))
    assert max(trained[1]) == trained[1][7]
    page.fill("#snapshot", "0")
    page.wait_for_function(
        "before => document.querySelector('#filters canvas').toDataURL() !== before", arg=trained[0]
    )
    until(screen, lambda: screen.bars("#training-answer") != trained[1])
    assert page.get_attribute("#snapshot", "aria-valuetext") == "step 0"
    assert page.locator("#filters canvas").count() == 16
    saved(screen)
    page.click("#compare")
    page.wait_for_selector(".second h3:has-text('@0')")
    assert len(screen.bars(".second")) == 10
    page.click("#explain")
    screen.layer("linear 2")
    assert page.input_value("#model").endswith("@0")
    screen.quiet()


def saved(screen: Screen) -> None:
    """The curves as they are saved."""
    said = screen.numbers("#view-learn")
    assert len(said["rows"]) == points(screen)
    assert {"step", "loss", "accuracy"} <= set(said["rows"][0])
    drawing = ET.fromstring(screen.save("svg", "#view-learn").read_text("utf-8"))  # noqa: S314 - our own
    lines = drawing.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [points(screen)] * 2
    assert all(line.attrib["stroke"].startswith("rgb") for line in lines)
    with Image.open(screen.save("png", "#view-learn")) as picture:
        assert picture.width > 600
        colours = picture.convert("RGBA").getcolors(1 << 20)
        assert colours is not None
        assert len(colours) > 10


# --- fool it
# ---------------------------------------------------------------------------


def test_clearing_ends_the_sweep_of_what_was_drawn(screen: Screen) -> None:
    page = screen.open("m=classic&v=fool")
    screen.seven()
    page.wait_for_selector("#strip-right span")
    page.click("#clear")
    screen.quiet()
    assert page.locator(".strip span").count() == 0
    assert page.inner_text("#changed-answer").startswith(EMPTY)


def test_turning_a_seven_flips_the_answer(screen: Screen) -> None:
    page = screen.open("m=classic&v=fool")
    screen.seven()
    page.wait_for_selector("#strip-turn .change", state="attached")
    page.wait_for_function("() => document.querySelector('#changed-answer').textContent === '7'")
    screen.quiet()
    strip = page.inner_text("#strip-turn").replace("\n", "")
    assert len(strip) == 21
    assert strip[10] == "7"
    assert re.match("The answer changes at ", page.get_attribute("#strip-turn", "aria-label") or "")
    drawn = screen.picture("#view-fool canvas")
    page.fill("#fool-turn", "180")
    assert screen.picture("#view-fool canvas") != drawn
    page.wait_for_function("() => document.querySelector('#changed-answer').textContent !== '7'")
    page.fill("#fool-noise", "60")
    page.click("text=Reset")
    assert screen.picture("#view-fool canvas") == drawn
    page.wait_for_function("() => document.querySelector('#changed-answer').textContent === '7'")
    assert page.input_value("#fool-turn") == "0"
    screen.quiet()
    page.click("#clear")
    page.wait_for_function("() => !document.querySelector('#strip-turn span')")
