"""Answers that stand in the client's card: only those put in since the call began count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import Reference
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.asking import resolve
from tests.connectors.espocrm.payloads import SITE, URL, payload
from tests.connectors.espocrm.rig import EspoRig

Make = Callable[..., EspoConnector]
IN_THE_CARD = {
    "related": {"field": "card.cRelated", "values": {"Yes": True, "No": False}},
    "kind": {"field": "card.cKind", "values": {"Calls": "calls", "All": "all"}},
    "who": {"field": "card.cWho"},
}


def test_of_a_card_only_what_changed_since_the_call_began_counts(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(facts=IN_THE_CARD)
    crm.get(f"{URL}/Contact/65f1c0de000000b01/stream", json=payload("stream__updates"))
    result = resolve(crm, connector)
    assert result is not None
    # The latest kind; neither last month's name nor the one in another card.
    assert result["facts"] == {"related": True, "kind": "all"}
    asked: Any = next(call.request for call in crm.calls if "stream" in str(call.request.url))
    assert asked.params["filter"] == "updates"
    assert asked.params["after"] == "2026-03-11 08:49:59"


def test_last_months_answers_opt_nobody_out_again(espo: EspoRig) -> None:
    espo.connector.close()
    connector = EspoConnector({**espo.connector.settings, "facts": _loaded_facts()})
    call = espo.server.add("Call", **espo.call())
    espo.server.updates.append(
        {
            "type": "Update",
            "createdAt": espo.server.stamp(-30 * 86_400),
            "parentType": "Contact",
            "parentId": espo.card.id,
            "data": {"fields": ["cKind"], "attributes": {"was": {}, "became": {"cKind": "All"}}},
        }
    )
    assert connector.resolve(Reference("Call", call)) is None
    espo.server.updates.append(espo.server.updates[0] | {"createdAt": espo.server.stamp(-400)})
    result = connector.resolve(Reference("Call", call))
    assert result is not None
    assert result["facts"] == {"kind": "all"}
    connector.close()


def _loaded_facts() -> Any:
    given = {"base_url": SITE, "api_key": "k", "facts": IN_THE_CARD}
    return EspoConnector.Settings().load(given)["facts"]


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        # Held before its planned start: within the hour before it was recorded, but not before it was made.
        ({"dateStart": "2026-03-11 12:00:00"}, "2026-03-11 08:55:59"),
        ({"dateStart": "2026-03-11 12:00:00", "createdAt": "2026-03-01 00:00:00"}, "2026-03-11 07:56:09"),
        ({"dateStart": "2026-03-11 12:00:00", "createdAt": None}, "2026-03-11 07:56:09"),
    ],
)
def test_a_call_held_before_its_planned_start_began_lately(
    crm: responses.RequestsMock, make: Make, changes: dict[str, Any], after: str
) -> None:
    connector = make(facts=IN_THE_CARD)
    crm.get(f"{URL}/Contact/65f1c0de000000b01/stream", json={"total": 0, "list": []})
    assert resolve(crm, connector, **changes) is None
    asked: Any = crm.calls[-1].request
    assert asked.params["after"] == after


@pytest.mark.parametrize("data", [None, {}, {"attributes": []}, {"attributes": {"became": []}}])
def test_notes_of_another_make_say_nothing(crm: responses.RequestsMock, make: Make, data: Any) -> None:
    connector = make(facts=IN_THE_CARD)
    note = payload("stream__updates")["list"][0] | {"data": data}
    crm.get(f"{URL}/Contact/65f1c0de000000b01/stream", json={"total": 1, "list": [note]})
    assert resolve(crm, connector) is None


def test_without_a_card_there_are_no_answers_in_it(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(facts=IN_THE_CARD)
    assert resolve(crm, connector, parentType=None, parentId=None, contactsIds=[]) is None
    assert resolve(crm, connector, dateStart=None, modifiedAt=None) is None
