"""Measure the latency of the page in a browser, or take the pictures of the page for the docs.

Usage: python benchmarks/page.py [--pictures]

Needs chromium and playwright; --pictures trains two epochs. The latency is the time from a movement
of the pen, as stamped by the browser, to the frame after the bars show it; waiting for the answer
to an earlier movement counts. Server and browser run on the same machine.
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

from numeye.models import environment

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
EXAMPLES = ROOT / "src" / "numeye" / "web" / "examples.json"
ROUNDS = 3  # times that each of the ten digits is drawn
PAUSE_MS = 16  # between two movements: 60 a second
WATCH = """
window.moved = [];
window.took = [];
const note = ({ buttons, timeStamp }) => { if (buttons) moved.push(timeStamp); };
document.getElementById("drawing").addEventListener("pointermove", note, true);
const measure = ({ detail }) => {
  const now = performance.now();
  took.push(...moved.filter((when) => when <= detail.when).map((when) => now - when));
  moved = moved.filter((when) => when > detail.when);
};
document.addEventListener("numeye:answered", (event) => {
  requestAnimationFrame(() => setTimeout(() => measure(event)));
});
"""


@contextmanager
def serve(runs: Path) -> Iterator[str]:
    """Start a server and yield the address of its page."""
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
    """Draw the strokes of an example with the mouse."""
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    for stroke in strokes:
        points = np.array(stroke["points"], float).reshape(-1, 2) / 280 * box["width"] + (
            box["x"],
            box["y"],
        )
        length = np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
        along = np.linspace(0, length[-1], max(int(length[-1] / 6), 2))
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in zip(
            np.interp(along, length, points[:, 0]),
            np.interp(along, length, points[:, 1]),
            strict=True,
        ):
            page.mouse.move(x, y)
            page.wait_for_timeout(PAUSE_MS)
        page.mouse.up()


def latency(page: Page, view: str) -> str:
    """Draw every digit `ROUNDS` times and return a line with the latencies."""
    page.click(f"#tab-{view}")
    page.evaluate("took = []; moved = []")
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for _ in range(ROUNDS):
        for strokes in examples.values():
            page.click("#clear")
            draw(page, strokes)
    page.wait_for_timeout(500)
    latencies = np.array(page.evaluate("took"))
    median, high = np.percentile(latencies, [50, 95])
    return f"{view:<7} {len(latencies):>10,} {median:>8.1f} {high:>17.1f} {latencies.max():>10.1f}"


def pictures(page: Page) -> None:
    """Take the pictures for README and docs."""
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.click("#examples button:nth-child(5)")
    page.select_option("#model", "classic")
    page.click("#tab-inside")
    page.locator("[data-layer='convolution 2']").click(position={"x": 95, "y": 90})
    page.wait_for_selector(".top-activations canvas")
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=PICTURES / "page-inside.png")
    page.click("#tab-learn")
    page.fill("#epochs", "2")
    page.click("#start")
    page.locator("#training-status", has_text="finished").wait_for(timeout=600_000)
    page.locator("#snapshot").fill("7")
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / "page-learn.png")


def main() -> None:
    """Print the latencies, or take the pictures with --pictures."""
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        sys.exit("no chromium, chromium-browser or google-chrome; apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as runs,
        serve(Path(runs)) as address,
        sync_playwright() as playwright,
    ):
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        if "--pictures" in sys.argv:
            pictures(page)
            return
        page.evaluate(WATCH)
        print(f"from pen to bars, {environment.cores()} cores of {environment.processor()}")
        print("view     movements   median   95th percentile      most   (milliseconds)")
        for view in ("input", "inside", "fool"):
            print(latency(page, view))


if __name__ == "__main__":
    main()
