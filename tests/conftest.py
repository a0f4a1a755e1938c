"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

from tests.support.chromium import browser
from tests.support.databases import ledger_url, postgres, postgres_url, sqlite_template

__all__ = ["browser", "ledger_url", "postgres", "postgres_url", "sqlite_template"]

# A machine that is busy with something else makes no example wrong.
settings.register_profile("project", settings(), deadline=None)
settings.load_profile("project")
