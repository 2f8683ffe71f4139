"""The page at /docs, as a browser shows it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from numeye.server import documentation
from numeye.server.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VENDOR = documentation.HERE / "vendor"


@pytest.mark.web
def test_the_page_shows_and_tries_the_api_without_leaving_the_machine(
    server: str, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}/docs")
    page.wait_for_selector(".opblock")
    assert page.title() == "Numeye: the HTTP API"
    paths = [path.replace("\u200b", "") for path in page.locator(".opblock-summary-path").all_inner_texts()]
    assert paths == ["/v1/read", "/v1/explain", "/v1/units", "/v1/models", "/healthz", "/readyz"]
    page.click("#operations-default-healthz_healthz_get .opblock-summary-control")
    page.click("text=Try it out")
    page.click("text=Execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    background = page.evaluate("getComputedStyle(document.querySelector('.opblock-get')).backgroundColor")
    page.close()
    assert background != "rgba(0, 0, 0, 0)"  # the style sheet is at work
    assert said == []
    assert [url for url in asked if not url.startswith((f"{server}/", "data:"))] == []
    assert f"{server}/openapi.json" in asked


def test_only_the_files_of_the_list_are_served_each_as_what_it_is() -> None:
    client = TestClient(create_app())
    kinds = {"/docs": "text/html", "/docs/docs.js": "text/javascript", "/docs/swagger-ui.css": "text/css"}
    for path, (file, _) in documentation.FILES.items():
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, file.read_bytes())
        assert answer.headers["content-type"] == f"{kinds.get(path, 'text/javascript')}; charset=utf-8"
        assert "script-src" not in answer.headers["content-security-policy"]  # default-src 'self' holds for scripts
    for path in (
        "/docs/vendor/README.md",
        "/docs/README.md",
        "/docs/..%2fapp.py",
        "/docs/%2e%2e/app.py",
        "/docs/docs.html",
    ):
        assert client.get(path).status_code == 404
    assert not re.search(r"<style|style=|<script>|\son\w+=|//", documentation.FILES["/docs"][0].read_text("utf-8"))


def test_what_is_vendored_is_what_its_readme_says() -> None:
    sums = re.findall(r"([0-9a-f]{64})  (\S+)", (VENDOR / "README.md").read_text("utf-8"))
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for _, name in sums} == {
        name: found for found, name in sums
    }
    assert len(sums) == 2
