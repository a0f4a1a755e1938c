"""The one Playwright of a session, and what the tests do where a browser is missing.

Without a browser its tests are skipped and say so; with ``OPTOUT_REQUIRE_BROWSER=1`` that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Playwright


def executable(name: str, package: str, *commands: str) -> str:
    """Where the browser is: the first of the commands; skips the test, or fails it, where there is none."""
    found = next(filter(None, map(shutil.which, commands)), None)
    if found is None:
        why = f"no {name} to test in (Debian, Ubuntu: apt-get install {package})"
        if os.environ.get("OPTOUT_REQUIRE_BROWSER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """Playwright, which runs only once in a thread, whatever browsers it drives."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright
