"""A Chromium of this machine, driven by Playwright, for what only a real browser can answer: one for the whole session.

Without one such tests are skipped and say so; with ``OPTOUT_REQUIRE_BROWSER=1`` that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


def executable() -> str:
    """Where the browser is; skips the test, or fails it, where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        why = "no Chromium to test in (Debian, Ubuntu: apt-get install chromium)"
        if os.environ.get("OPTOUT_REQUIRE_BROWSER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The session's browser: Playwright runs only once in a thread."""
    path = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield running
        running.close()
