"""The page for everybody: names, keyboard, contrast, small screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from numeye.server.app import create_app
from tests.conftest import serving
from tests.web.screen import Screen

pytestmark = pytest.mark.web

VIEWS = ("input", "inside", "fool", "learn")

# Visible texts whose contrast with what lies behind them is below 4.5, or 3 where they are large
# (WCAG 2.2, 1.4.3).
PALE = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => [r, g, b].map((one) => linear(one / 255))
        .reduce((sum, one, n) => sum + one * [0.2126, 0.7152, 0.0722][n], 0);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const colour = channels(getComputedStyle(one).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.99) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const one of document.querySelectorAll("body *")) {
        const own = [...one.childNodes].some((node) => node.nodeType === 3 &&
            node.textContent.trim());
        if (!own || !one.checkVisibility()) continue;
        if (one.closest(":disabled, .visually-hidden, noscript")) continue;
        const style = getComputedStyle(one), svg = one instanceof SVGElement;
        const [a, b] = [light(channels(svg ? style.fill : style.color)), light(behind(one))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 &&
            style.fontWeight >= 700);
        const told = `${one.tagName} ${one.id} ${contrast.toFixed(2)}: ${one.textContent.slice(0,
            40)}`;
        if (contrast < (large ? 3 : 4.5)) found.push(told);
    }
    return found;
}"""
CONTROLS = "button, input, select, a[href], [tabindex='0']"
REACHABLE = f"""() => [...document.querySelectorAll("{CONTROLS}")]
    .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)"""


def whole(screen: Screen, view: str) -> None:
    """A view with all that it shows."""
    screen.view(view)
    if view == "inside":
        screen.page.click(screen.layer("convolution 1"), position={"x": 30, "y": 30})
        screen.page.wait_for_selector(".top-activations canvas")
    elif view == "input":
        screen.page.wait_for_selector(".steps canvas")
    elif view == "fool":
        screen.page.wait_for_selector("#strip-hide span")
    screen.quiet()


def named(tree: str) -> list[str]:
    """Controls of an accessibility tree that have no name."""
    kinds = (
        "button",
        "link",
        "textbox",
        "combobox",
        "checkbox",
        "slider",
        "spinbutton",
        "tab",
        "application",
        "img",
    )
    lines = [line.strip().removeprefix("- ").rstrip(":") for line in tree.splitlines()]
    return [line for line in lines if line.split(" ")[0] in kinds and '"' not in line]


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_has_a_name_and_is_reached_by_tab(screen: Screen, view: str) -> None:
    page = screen.open("m=classic&t=1")
    screen.reads("7")
    whole(screen, view)
    assert named(page.locator("body").aria_snapshot()) == []
    wanted = page.evaluate(f"() => ({REACHABLE})().length")
    page.evaluate("() => { document.activeElement.blur(); window.seen = []; }")
    page.mouse.click(2, 2)
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        page.evaluate("() => window.seen.push(document.activeElement)")
    missed = page.evaluate(
        f"() => ({REACHABLE})().filter((one) => !window.seen.includes(one)).map((one) =>"
        " one.outerHTML.slice(0, 80))"
    )
    assert missed == []


def test_tabs_work_with_arrow_keys(screen: Screen) -> None:
    page = screen.open()
    page.focus("#tab-input")
    for name in ("inside", "fool", "learn", "input"):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert page.locator(f"#view-{name}").is_visible()
        assert page.locator("[role=tabpanel]:visible").count() == 1
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-learn"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.id") == "tab-input"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.id") == "tab-learn"


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_texts_stand_out(screen: Screen, colours: Any) -> None:
    screen.page.emulate_media(color_scheme=colours)
    page = screen.open("m=classic&c=recognizer&t=1")
    screen.reads("7")
    pale = []
    for view in VIEWS:
        whole(screen, view)
        pale += page.evaluate(PALE)
    page.click("#clear")
    page.click("text=Hide controls")
    pale += page.evaluate(PALE)
    assert pale == []


def test_a_phone_scrolls_up_and_down_only(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size({"width": 390, "height": 844})
    screen.open("m=classic&c=recognizer&t=1")
    screen.reads("7")
    for view in VIEWS:
        whole(screen, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
    small = page.eval_on_selector_all(
        "button, select, .button",
        """all => all.filter((one) => one.checkVisibility() && Math.min(one.offsetWidth,
            one.offsetHeight) < 24)
            .map((one) => one.textContent)""",
    )
    assert small == []  # WCAG 2.2, 2.5.8


def test_nothing_moves_where_that_is_not_wanted(screen: Screen) -> None:
    screen.page.emulate_media(reduced_motion="reduce")
    page = screen.open()
    screen.seven()
    moving = """() => [...document.querySelectorAll('*')].map((one) => getComputedStyle(one))
        .filter((style) => style.animationName !== 'none' ||
            style.transitionDuration !== '0s').length"""
    assert page.evaluate(moving) == 0
    assert page.evaluate("document.getAnimations().length") == 0


def test_controls_are_hidden_for_a_lesson_and_come_back(screen: Screen) -> None:
    page = screen.open()
    page.click("#bare")
    assert page.locator("header").is_hidden()
    assert page.locator("#drawing").is_visible()
    assert page.evaluate("document.activeElement.id") == "leave-bare"
    page.click("#leave-bare")
    assert page.locator("header").is_visible()
    assert page.evaluate("document.activeElement.id") == "bare"


def test_a_server_with_keys_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    with (
        serving(create_app(keys=["sécret ☂"], runs=tmp_path)) as server,
        browser.new_context() as context,
    ):
        screen = Screen(server, context)
        page = screen.page
        page.goto(server)
        page.wait_for_selector("dialog[open]")
        page.fill("#key", "wrong")
        page.click("text=Use key")
        page.fill("#key", "sécret ☂")
        page.click("text=Use key")
        page.wait_for_selector("html[data-ready=true]")
        screen.seven()
        screen.view("learn")
        assert page.locator("#recipe option").count() >= 2
        screen.forgive()


def test_who_tells_no_key_is_told_why_there_is_no_answer(browser: Browser) -> None:
    with serving(create_app(keys=["secret"])) as server, browser.new_context() as context:
        screen = Screen(server, context)
        page = screen.page
        page.goto(server)
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Escape")
        screen.told("no valid key")
