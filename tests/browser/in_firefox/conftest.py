"""In this folder the browser is Firefox."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.firefox import firefox, firefox_path

__all__ = ["firefox", "firefox_path"]


@pytest.fixture(scope="session")
def browser(firefox: Browser) -> Browser:
    """What the fixtures above open pages in."""
    return firefox
