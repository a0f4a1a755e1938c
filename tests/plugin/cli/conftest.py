"""The deployments that commands act on are those of the operations' tests."""

from __future__ import annotations

from tests.plugin.operations.conftest import either_firm, firm

__all__ = ["either_firm", "firm"]
