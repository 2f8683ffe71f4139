"""The page while it loads: nothing that a person draws meanwhile is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.screen import SEVEN, Screen

if TYPE_CHECKING:
    from playwright.sync_api import Route

pytestmark = pytest.mark.web


def held(screen: Screen, *names: str) -> list[Route]:
    """Open the page while some of its requests wait for an answer; these requests."""
    waiting: list[Route] = []
    for name in names:
        screen.page.route(f"**/{name}", lambda route: waiting.append(route))
    screen.page.goto(f"{screen.server}/")
    until_asked(screen, waiting, len(names))
    assert not is_ready(screen)
    return waiting


def until_asked(screen: Screen, waiting: list[Route], count: int) -> None:
    for _ in range(200):
        if len(waiting) >= count:
            return
        screen.page.wait_for_timeout(50)
    pytest.fail(f"only {len(waiting)} of {count} requests came")


def is_ready(screen: Screen) -> bool:
    return screen.page.get_attribute("html", "data-ready") == "true"


def is_drawn(screen: Screen) -> bool:
    dark = "c => c.getContext('2d').getImageData(0, 0, 280, 280).data.some(v => v < 60)"
    return bool(screen.page.eval_on_selector("#drawing", dark))


@pytest.mark.parametrize("name", ["texts.json", "views.js"])
def test_a_stroke_is_kept_that_is_drawn_before_something_arrives(screen: Screen, name: str) -> None:
    waiting = held(screen, name)
    screen.stroke(SEVEN)
    assert is_drawn(screen)
    screen.page.click("#undo")
    assert not is_drawn(screen)
    screen.stroke(SEVEN)
    waiting[0].continue_()
    screen.page.wait_for_selector("html[data-ready=true]")
    screen.reads("7")
    assert is_drawn(screen)
    screen.page.wait_for_url("**s=*")  # and the address holds it


@pytest.mark.parametrize("name", ["examples.json", "page/networks"])
def test_a_drawing_is_read_before_something_arrives(screen: Screen, name: str) -> None:
    waiting = held(screen, name)
    screen.seven()
    assert screen.page.input_value("#model") == "recognizer"
    waiting[0].continue_()
    screen.page.wait_for_selector("html[data-ready=true]")
    assert screen.page.locator("#examples button").count() == 10
    assert screen.page.locator("#model option").count() >= 2
    screen.reads("7")


def test_a_stroke_may_begin_before_everything_arrives_and_end_after_it(screen: Screen) -> None:
    waiting = held(screen, "texts.json", "examples.json")
    page, box = screen.page, screen.page.locator("#drawing").bounding_box()
    assert box is not None
    places = [
        (box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in SEVEN
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    for route in waiting:
        route.continue_()
    page.wait_for_selector("html[data-ready=true]")
    for place in places[2:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    screen.reads("7")


def test_a_tour_does_not_replace_what_was_drawn_while_it_loaded(screen: Screen) -> None:
    waiting: list[Route] = []
    screen.page.route("**/examples.json", lambda route: waiting.append(route))
    screen.page.goto(f"{screen.server}/#t=1")
    until_asked(screen, waiting, 1)
    screen.stroke([(140, 60), (140, 220)])
    screen.reads("1")
    waiting[0].continue_()
    screen.page.wait_for_selector("html[data-ready=true]")
    assert screen.page.inner_text("#tour-title").startswith("1 / 6")
    screen.reads("1")


def test_what_does_not_arrive_is_reported_and_the_rest_works(screen: Screen) -> None:
    screen.page.route("**/examples.json", lambda route: route.fulfill(status=500, body="no"))
    screen.page.goto(f"{screen.server}/")
    screen.page.wait_for_selector("html[data-ready=true]")
    screen.told("examples.json: the server answered 500")
    screen.seven()
