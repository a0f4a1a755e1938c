"""A backlog of calls whose events bring only the card's id: how many requests a call costs in all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.contract.backlog import MOST, requests_a_call

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", list(MOST))
def test_a_backlog_of_a_thousand_calls_reads_its_cards_together_and_mails_share_them(name: str, tmp_path: Path) -> None:
    assert requests_a_call(name, tmp_path) <= MOST[name]
