"""``[suppression.push.<name>]``: the diallers that the suppression list is pushed to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from plugin.common.toml.source import Place
from plugin.config.faults import FaultList
from plugin.config.settings import PushedDialler

#: What a number may be excluded from.
_SCOPES = ("calls", "mailings")
#: Reads an account's table by its schema, its secrets filled in.
ReadAccount = Callable[[Place, object, Any], dict[str, Any]]


def read_diallers(
    tables: Mapping[str, Any], faults: FaultList, account: ReadAccount | None
) -> tuple[PushedDialler, ...]:
    """The diallers of these tables; ``account`` None: without their own settings."""
    if not tables:
        return ()
    found = []
    for name, table in tables.items():
        place: Place = ("suppression", "push", name)
        own = dict(table)
        scope = own.pop("scope", "calls")
        if scope not in _SCOPES:
            faults.add((*place, "scope"), f"given {scope!r}", f"allowed: {' or '.join(_SCOPES)}")
        found.append(PushedDialler(name, str(scope), account(place, own, _schema()) if account else {}))
    return tuple(found)


def _schema() -> Any:
    # It brings the HTTP library with it, which a deployment without diallers, or a command that sends nothing, spares.
    from connectors.dialler import DiallerSettings  # noqa: PLC0415

    return DiallerSettings()
