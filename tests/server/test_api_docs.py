"""The page at /docs, as a browser shows it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from numeye.server import api_docs
from numeye.server.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VENDOR = api_docs.FOLDER / "vendor"


@pytest.mark.web
def test_the_page_shows_and_calls_the_api_of_this_server_only(
    server: str, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    messages: list[str] = []
    urls: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{server}/docs")
    page.wait_for_selector(".opblock")
    assert page.title() == "Numeye: the HTTP API"
    paths = [
        path.replace("\u200b", "")
        for path in page.locator(".opblock-summary-path").all_inner_texts()
    ]
    assert paths == ["/v1/read", "/v1/explain", "/v1/units", "/v1/models", "/healthz", "/readyz"]
    page.click("#operations-default-healthz_healthz_get .opblock-summary-control")
    page.click("text=Try it out")
    page.click("text=Execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    background = page.evaluate(
        "getComputedStyle(document.querySelector('.opblock-get')).backgroundColor"
    )
    page.close()
    assert background != "rgba(0, 0, 0, 0)"  # the style sheet is at work
    assert messages == []
    assert [url for url in urls if not url.startswith((f"{server}/", "data:"))] == []
    assert f"{server}/openapi.json" in urls


def test_only_the_listed_files_are_served_with_their_types() -> None:
    client = TestClient(create_app())
    kinds = {
        "/docs": "text/html",
        "/docs/docs.js": "text/javascript",
        "/docs/swagger-ui.css": "text/css",
    }
    for path, (file, _) in api_docs.FILES.items():
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, file.read_bytes())
        assert (
            answer.headers["content-type"] == f"{kinds.get(path, 'text/javascript')}; charset=utf-8"
        )
        # default-src 'self' holds for scripts
        assert "script-src" not in answer.headers["content-security-policy"]
    for path in (
        "/docs/vendor/README.md",
        "/docs/README.md",
        "/docs/..%2fapp.py",
        "/docs/%2e%2e/app.py",
        "/docs/docs.html",
    ):
        assert client.get(path).status_code == 404
    assert not re.search(
        r"<style|style=|<script>|\son\w+=|//", api_docs.FILES["/docs"][0].read_text("utf-8")
    )


def test_the_vendored_files_are_those_of_the_readme() -> None:
    sums = re.findall(r"([0-9a-f]{64})  (\S+)", (VENDOR / "README.md").read_text("utf-8"))
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for _, name in sums} == {
        name: digest for digest, name in sums
    }
    assert len(sums) == 2
