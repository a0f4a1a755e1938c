"""The doctor's points, as the tests of them ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Check
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.rig import EspoRig, account

#: The fields of a call that facts come from, as good metadata has them.
FIELDS: dict[str, dict[str, Any]] = {
    "cRelated": {"type": "enum", "options": ["", "Yes", "No"]},
    "cKind": {"type": "enum", "options": ["", "Calls", "All"]},
    "cWho": {"type": "varchar", "maxLength": 150},
}

Points = Callable[..., dict[str, str]]


def failed(espo: EspoRig, now: datetime | None = None, **overrides: Any) -> dict[str, str]:
    """The points that fail, with their remedies, of an account of this server with these settings."""
    connector = EspoConnector(account(espo.server, **overrides), now=lambda: now or datetime.now(UTC))
    before = espo.writes()
    found = connector.check()
    connector.close()
    assert espo.writes() == before
    return faults(found)


def faults(found: Sequence[Check]) -> dict[str, str]:
    """Those of these points that fail; each has a name of its own, and a remedy if it fails."""
    assert all(bool(point.remedy) != point.ok for point in found)
    names = [point.name for point in found]
    assert len(names) == len(set(names))
    return {point.name: point.remedy for point in found if not point.ok}
