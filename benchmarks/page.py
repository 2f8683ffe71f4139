"""The page in a browser: how long from a movement of the pen to its bars, and the pictures of the docs.

From each movement of the pen, as the browser stamps it, to the frame after the bars were set that know of it; waiting
for the answer to an earlier movement counts. Server and browser run on the same machine.

Usage: python benchmarks/page.py [--pictures]   (needs Debian's chromium and playwright; --pictures trains two epochs)
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from numeye import source

ROOT = Path(__file__).parent.parent
PICTURES, EXAMPLES = ROOT / "docs" / "pictures", ROOT / "src" / "numeye" / "server" / "web" / "examples.json"
ROUNDS = 3  # times that each of the ten digits is drawn
PAUSE = 16  # milliseconds between two movements: 60 a second
WATCH = """
window.moved = [];
window.took = [];
const note = ({ buttons, timeStamp }) => { if (buttons) moved.push(timeStamp); };
document.getElementById("drawing").addEventListener("pointermove", note, true);
document.addEventListener("numeye:answered", ({ detail }) => requestAnimationFrame(() => setTimeout(() => {
  const now = performance.now();
  took.push(...moved.filter((when) => when <= detail.when).map((when) => now - when));
  moved = moved.filter((when) => when > detail.when);
})));
"""


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """The page's address, with a server of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "numeye", "serve", "--port", str(port), "--runs", str(runs)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = server.stderr.readline().split()[0]
        try:
            yield address
        finally:
            server.terminate()


def draw(page: Page, strokes: list[dict[str, list[float]]]) -> None:
    """Strokes of an example, by mouse."""
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    for stroke in strokes:
        points = np.array(stroke["points"], float).reshape(-1, 2) / 280 * box["width"] + (box["x"], box["y"])
        far = np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
        along = np.linspace(0, far[-1], max(int(far[-1] / 6), 2))
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in zip(np.interp(along, far, points[:, 0]), np.interp(along, far, points[:, 1]), strict=True):
            page.mouse.move(x, y)
            page.wait_for_timeout(PAUSE)
        page.mouse.up()


def latency(page: Page, view: str) -> str:
    """Draw every digit some times, and tell how long the bars took."""
    page.click(f"#tab-{view}")
    page.evaluate("took = []; moved = []")
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for _ in range(ROUNDS):
        for strokes in examples.values():
            page.click("#clear")
            draw(page, strokes)
    page.wait_for_timeout(500)
    took = np.array(page.evaluate("took"))
    middle, most = np.percentile(took, [50, 95])
    return f"{view:<7} {len(took):>10,} {middle:>8.1f} {most:>17.1f} {took.max():>10.1f}"


def pictures(page: Page) -> None:
    """The pictures of README and docs."""
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.click("#examples button:nth-child(5)")
    page.select_option("#model", "classic")
    page.click("#tab-inside")
    page.locator("[data-layer='convolution 2']").click(position={"x": 95, "y": 90})
    page.wait_for_selector(".exciting canvas")
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=PICTURES / "page-inside.png")
    page.click("#tab-learn")
    page.fill("#epochs", "2")
    page.click("#start")
    page.locator("#training-said", has_text="finished").wait_for(timeout=600_000)
    page.locator("#snapshot").fill("7")
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / "page-learn.png")


def main() -> None:
    """Measure, and take pictures where that is asked for."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("no chromium, chromium-browser or google-chrome; apt-get install chromium")
    with tempfile.TemporaryDirectory() as runs, served(Path(runs)) as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        if "--pictures" in sys.argv:
            pictures(page)
            return
        page.evaluate(WATCH)
        print(f"from pen to bars, {source.cores()} cores of {source.processor()}")
        print("view     movements   median   95th percentile      most   (milliseconds)")
        for view in ("fed", "inside", "fool"):
            print(latency(page, view))


if __name__ == "__main__":
    main()
