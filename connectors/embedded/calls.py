"""A call's record made a call result."""

from __future__ import annotations

from typing import Any

from connectors.base import CallResult, CardRef, Reference
from connectors.embedded.client import EmbeddedClient
from connectors.embedded.contacts import read_card
from connectors.embedded.settings import CONTACT


def read_call(api: EmbeddedClient, reference: Reference) -> CallResult | None:
    """The call that an event named, or None where there is none. Raises CrmUnavailable, CrmRefused."""
    record = api.record("calls", reference.id) if reference.kind == "call" else None
    if record is None:
        return None
    # The record's revision: a report of the same call after a change is another event.
    result: dict[str, Any] = {"id": f"call-{record['id']}-{record['revision']}", "facts": record["facts"]}
    result |= {name: record[name] for name in ("occurred_at", "final")}
    result |= {name: record[name] for name in ("script", "ruleset", "note") if record.get(name)}
    result["call"] = {"id": record["id"], "phone": record["phone"]}
    if record.get("operator"):
        result["call"]["operator"] = record["operator"]
    card = read_card(api, CardRef(CONTACT, record["card"])) if record.get("card") else None
    if card is not None:
        result["card"] = {"type": CONTACT, "id": card.ref.id, "name": card.name, "url": card.url}
    return result
