"""Events of a described CRM: proven, read as references, and resolved to call results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import CallResult, CardRef, EventsUnverifiable, Reference
from connectors.kit.mapping import FactFields
from connectors.rest import calls, event_auth
from connectors.rest.client import RestClient
from connectors.rest.contacts import RestContacts
from connectors.rest.context import TemplateValues
from connectors.rest.model import CallTable, EventTable
from connectors.rest.paths import Path, as_text
from connectors.rest.template import NoAddress


class RestEvents:
    """What comes in, as ``[event]`` and ``[call]`` describe it; ``now`` tells how old an event is."""

    def __init__(
        self,
        client: RestClient,
        values: TemplateValues,
        contacts: RestContacts,
        settings: Mapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._values = values
        self._contacts = contacts
        self._now = now
        self._event: EventTable | None = settings["event"]
        self._call: CallTable | None = settings["call"]
        self._facts: FactFields = settings["facts"]
        self._secret: str | None = settings["event_secret"]
        self._time_zone: str | None = settings["time_zone"]

    def parse(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        """What an authentic event names. Raises EventNotAuthentic, EventMalformed."""
        if self._event is None or self._call is None or not self._secret:
            raise EventsUnverifiable("no [event] is described, so no event can be verified")
        content: Any = None
        shown = ""
        if self._event.proof.place == "body":
            content = calls.body_of(self._event, body)
            shown = as_text(Path.parse(self._event.proof.name).get(content))
        event_auth.check(self._event.proof, self._secret, headers, path_secret, query, body, shown, self._now())
        if content is None:
            content = calls.body_of(self._event, body)
        return calls.references(self._event, self._call, self._facts, content, self._values.of())

    def resolve(self, reference: Reference) -> CallResult | None:
        """The call that an event named, None where it is no call of ours. Raises as reads do."""
        call = self._call
        if call is None or reference.kind != calls.KIND:
            return None
        record = self._record_of(call, reference)
        if record is None:
            return None
        result = calls.call_result(call, self._facts, record, self._time_zone, self._values.of())
        return None if result is None else self._with_card(call, result)

    def _record_of(self, call: CallTable, reference: Reference) -> dict[str, Any] | None:
        if call.request is None:
            return calls.kept_record(reference.data or {})
        try:
            record = call.record.get(self._client.read(call.request, self._values.of(id=reference.id)))
        except NoAddress:
            # Such an id is no call's.
            return None
        return record if isinstance(record, dict) else None

    def _with_card(self, call: CallTable, result: dict[str, Any]) -> CallResult:
        """The card with name and link of its own record, where the call's has none; a missing card is left out."""
        given = result.get("card")
        if given is None or "card_name" in call.values:
            return result
        card = self._contacts.card(CardRef(given["type"], given["id"]))
        if card is None:
            return {key: value for key, value in result.items() if key != "card"}
        more = {"name": card.name, "url": card.url}
        return {**result, "card": {**given, **{key: value for key, value in more.items() if value}}}
