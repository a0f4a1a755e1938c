"""What the tests of mails and of calls ask of a connector."""

from __future__ import annotations

from typing import Any

import responses

from connectors.base import Assignee, Reference
from connectors.espocrm import EspoConnector
from plugin.events.schema import CallResultSchema
from tests.connectors.espocrm.payloads import KEY, PERSON, URL, payload

CALL = Reference("Call", "65f1c0de000000c01")
#: The Email of the fixtures.
MAIL = "65f1c0de000000801"
TEXT = "Исключить <до> срока\n[ref:abababababababab]"


def send(connector: EspoConnector, person: Assignee = PERSON) -> Any:
    """The outcome of the coordinator's mail."""
    return connector.notify_email(person, "ИСКЛЮЧИТЬ", TEXT, KEY)


def resolve(
    crm: responses.RequestsMock, connector: EspoConnector, fixture: str = "call__held", **changes: Any
) -> dict[str, Any] | None:
    """The call result, as the plugin takes it, of the fixture's call with these changes."""
    crm.upsert("GET", f"{URL}/Call/{CALL.id}", json=payload(fixture) | changes)
    result = connector.resolve(CALL)
    if result is not None:
        CallResultSchema().load(result)
    return None if result is None else dict(result)
