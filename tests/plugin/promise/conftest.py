"""A real ledger with an intake on it, for each test, on both databases; and deployments that commands act on."""

from __future__ import annotations

from tests.plugin.events.conftest import office
from tests.plugin.operations.conftest import firm

__all__ = ["firm", "office"]
