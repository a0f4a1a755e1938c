"""The Chromium of this machine, driven by Playwright, for what only a real browser can answer: one for the session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.playwright_driver import executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType

#: Longer than any step of a test needs on a busy machine; milliseconds.
PATIENCE = 60_000
#: The sandbox needs rights that containers withhold; nothing foreign is opened in it, and it asks for nothing itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is."""
    return executable("Chromium", "chromium", "chromium", "chromium-browser", "google-chrome")


class Chromium:
    """One running Chromium at a time: who asks for it after it died gets another one."""

    def __init__(self, kind: BrowserType, path: str) -> None:
        self._kind = kind
        self._path = path
        self._running: Browser | None = None

    def running(self) -> Browser:
        """A Chromium that answers."""
        if self._running is None or not self._running.is_connected():
            self._running = self._kind.launch(executable_path=self._path, headless=True, args=ARGUMENTS)
        return self._running

    def close(self) -> None:
        """End it, if it runs."""
        if self._running is not None and self._running.is_connected():
            self._running.close()


@pytest.fixture(scope="session")
def chromium(chromium_path: str, request: pytest.FixtureRequest) -> Iterator[Chromium]:
    """The session's Chromium, started when it is first asked for."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    kept = Chromium(request.getfixturevalue("driver").chromium, chromium_path)
    yield kept
    kept.close()


@pytest.fixture
def browser(chromium: Chromium) -> Browser:
    """The session's browser: one that died in a test fails that test, not those that follow."""
    return chromium.running()
