"""Clients of the CRMs here wait long for an answer, but where a test plays a fault that only their time limit ends."""

from __future__ import annotations

import pytest

from tests.support.fake_api import PATIENCE, SLOW


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes them impatient in a case that is given such a fault."""
    case = getattr(request.node, "callspec", None)
    if case is not None and any(value in SLOW for value in case.params.values()):
        monkeypatch.setattr(PATIENCE, "read_seconds", 0.9)
