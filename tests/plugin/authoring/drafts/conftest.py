"""A ledger with the shipped rules active, and a draft of them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.authoring.drafts.store import Drafts
from plugin.authoring.revisions.activate import activate
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from tests.plugin.ledger.conftest import either, ledger, url
from tests.support.databases import migrate

__all__ = ["either", "ledger", "url"]

RULES = Path(__file__).parents[4] / "rules"
SCRIPT = "survey_opt_out"
MOMENT = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


@pytest.fixture
def base(ledger: Ledger) -> str:
    """The active revision."""
    migrate(ledger)
    with closing(Rulebook.load(RULES)) as rulebook:
        activate(ledger, rulebook, at=MOMENT, by="setup", reason="first")
        return rulebook.revision


@pytest.fixture
def drafts(ledger: Ledger, base: str) -> Drafts:
    return Drafts(ledger, lambda: MOMENT)
