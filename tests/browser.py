"""A headless Chromium for tests, and what a page did wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
"""Milliseconds that a busy machine is given for what a page is waited for."""


@attrs.define
class Watched:
    """A page, what it wrote to the console, and every address it asked for.

    Attributes:
        page: Playwright's page.
        complaints: Console messages of warning or error, and exceptions.
        requests: Addresses.
    """

    page: Any
    complaints: list[str] = attrs.field(factory=list)
    requests: list[str] = attrs.field(factory=list)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; the test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with api.sync_playwright() as playwright:
        path = path or playwright.chromium.executable_path
        if not shutil.which(path):
            pytest.skip("there is no Chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def watch(browser: Any, **options: Any) -> Watched:
    """A new page that is watched."""
    watched = Watched(browser.new_page(**options))
    watched.page.set_default_timeout(PATIENCE)
    watched.page.on(
        "console",
        lambda message: (
            message.type in ("error", "warning")
            and watched.complaints.append(f"{message.type}: {message.text}")
        ),
    )
    watched.page.on("pageerror", lambda error: watched.complaints.append(f"exception: {error}"))
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    return watched
