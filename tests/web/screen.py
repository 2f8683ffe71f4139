"""The page as a person has it before them: opened, drawn on, and looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Download, Page, Request

SEVEN = [(84, 66), (196, 66), (160, 140), (132, 222)]  # on the paper of 280 x 280
EMPTY = "Draw something"
CALM = 4  # tenths of a second without a request
# How many pixels of a canvas are not transparent.
INKED = """canvas => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d",
        { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, canvas.width, canvas.height).data.filter((value, n) =>
        n % 4 === 3 && value).length;
}"""


class Screen:
    """A window with the page in it; `faults` are what went wrong in it.

    Args:
        server: its base URL.
        context: with cookies and windows of its own.
    """

    def __init__(self, server: str, context: BrowserContext) -> None:
        self.server, self.context = server, context
        self.faults: list[str] = []
        self.asked: set[Request] = set()  # of the server, and not answered yet
        context.set_default_timeout(20_000)
        context.on(
            "console",
            lambda one: self._fault(one.type in ("error", "warning"), f"{one.type}: {one.text}"),
        )
        context.on("weberror", lambda one: self.faults.append(str(one.error)))
        context.on(
            "requestfailed",
            lambda one: self._fault(not _is_left(one), f"failed: {one.url} {one.failure}"),
        )
        context.on(
            "request",
            lambda one: self._fault(
                not one.url.startswith((f"{server}/", "data:", "blob:")), one.url
            ),
        )
        context.on("request", lambda one: one.url.startswith(server) and self.asked.add(one))
        context.on("requestfinished", lambda one: self.asked.discard(one))
        context.on("requestfailed", lambda one: self.asked.discard(one))
        self.page = context.new_page()

    def _fault(self, is_one: bool, told: str) -> None:
        if is_one:
            self.faults.append(told)

    def told(self, part: str) -> None:
        """A problem is told on the page with these words."""
        self.page.locator("#problem", has_text=part).wait_for()
        self.forgive()

    def forgive(self) -> None:
        """Answers that the page was refused are no faults, where a test asks for them."""
        assert all("Failed to load resource" in one for one in self.faults), self.faults
        self.faults.clear()

    def open(self, state: str = "") -> Page:
        """Open the page; `state` is what stands in its address behind #."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.server}/#{state}" if state else f"{self.server}/")
        self.page.wait_for_selector("html[data-ready=true]")
        return self.page

    def another(self) -> Page:
        """The page that a shared address opens in somebody else's window."""
        self.settled()
        self.page.wait_for_timeout(500)  # an address is written 250 ms after the last change
        url, self.page = self.page.url, self.context.new_page()
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready=true]")
        return self.page

    def settled(self) -> None:
        """The address says what the page shows: it is written a moment after."""
        self.page.evaluate("new Promise(done => setTimeout(done, 300))")

    def quiet(self) -> None:
        """Wait until nothing has been asked of the server for a while.

        The page waits less before it asks again.

        What playwright calls idle is said once a page, and not again.
        """
        calm = 0
        for _ in range(200):
            self.page.wait_for_timeout(100)
            calm = 0 if self.asked else calm + 1
            if calm == CALM:
                return
        raise AssertionError(f"still asking: {[one.url for one in self.asked]}")

    def stroke(self, points: list[tuple[float, float]], canvas: str = "#drawing") -> None:
        """Draw with the mouse."""
        self.page.locator(canvas).scroll_into_view_if_needed()
        box = self.page.locator(canvas).bounding_box()
        assert box is not None
        places = [
            (box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280)
            for x, y in points
        ]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up()

    def seven(self) -> None:
        """Draw a seven and wait until it is read."""
        self.stroke(SEVEN)
        self.reads("7")

    def model(self, name: str) -> None:
        self.page.select_option("#model", name)

    def view(self, name: str) -> None:
        self.page.click(f"#tab-{name}")
        self.page.wait_for_selector(f"#view-{name}:not([hidden])")

    def reads(self, text: str, place: str = "#answer .columns > :first-child") -> None:
        """Wait until the verdict begins with this text."""
        self.page.wait_for_function(
            "([at, text]) => document.querySelector(`${at}"
            " .verdict`)?.textContent.startsWith(text)",
            arg=[place, text],
        )

    def rejects(self) -> str:
        """Wait until there is a reason why there is no answer, and return it."""
        self.page.wait_for_selector("#answer .columns > :first-child .verdict.rejected")
        return self.page.inner_text("#answer .columns > :first-child .verdict")

    def bars(self, place: str = "#answer .columns > :first-child") -> list[float]:
        """The bars' lengths in percent, as they are written beside them."""
        texts = self.page.locator(f"{place} .bars > span:nth-of-type(2n):visible").all_inner_texts()
        return [float(text.replace("\u00a0%", "")) for text in texts if text]

    def layer(self, name: str) -> str:
        """The selector of a layer's maps, which are there."""
        selector = f'canvas.maps[data-layer="{name}"]'
        self.page.wait_for_selector(selector)
        return selector

    def save(self, kind: str, view: str) -> Path:
        """What a button to save gives."""
        with self.page.expect_download() as downloading:
            self.page.click(f'{view} [data-export="{kind}"]')
        download: Download = downloading.value
        assert download.suggested_filename.endswith(f".{kind}")
        return download.path()

    def numbers(self, view: str) -> Any:
        """What is saved as JSON."""
        return json.loads(self.save("json", view).read_text("utf-8"))

    def drop(self, content: bytes, name: str, kind: str, how: str = "drop") -> None:
        """Drop or paste a file."""
        self.page.evaluate(
            """([bytes, name, type, how]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], name, { type }));
                const ways = { bubbles: true, cancelable: true };
                const event = how === "drop" ? new DragEvent(how, { dataTransfer: data, ...ways })
                    : new ClipboardEvent(how, { clipboardData: data, ...ways });
                document.body.dispatchEvent(event);
            }""",
            [list(content), name, kind, how],
        )

    def inked(self, canvas: str) -> int:
        """How many pixels of a canvas are drawn on."""
        return int(self.page.eval_on_selector(canvas, INKED))

    def picture(self, canvas: str) -> str:
        """A canvas as text, to be compared."""
        return str(self.page.eval_on_selector(canvas, "canvas => canvas.toDataURL()"))


def _is_left(request: Request) -> bool:
    """Downloads are told as aborted, and so is the icon, which a browser fetches when it likes."""
    return request.url.startswith("blob:") or request.url.endswith("/icon.svg")


def shaped(layer: dict[str, Any]) -> np.ndarray:
    """A layer's numbers as they are saved."""
    return np.array(layer["values"], np.float32).reshape(layer["shape"])
