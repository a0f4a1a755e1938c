"""Debian's Chromium, driven by Playwright: for tests that only a real browser can answer.

Where there is none such tests are skipped and say so; with ``CI=true`` that is a failure. OPTOUT_TEST_CHROMIUM names
another executable.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "OPTOUT_TEST_CHROMIUM"
#: The sandbox needs rights that containers withhold; nothing foreign is opened in it.
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser without a window, ended at the end of the block."""
    program = os.environ.get(VARIABLE) or shutil.which("chromium")
    if program is None or importlib.util.find_spec("playwright") is None:
        why = f"no Chromium to test in: apt-get install chromium, pip install playwright; or set {VARIABLE}"
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The session's browser."""
    with running_chromium() as browser:
        yield browser
