"""Events of a described CRM: proven, read as references, and resolved to call results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import (
    CallResult,
    CardRef,
    CrmRefused,
    EventMalformed,
    EventsUnverifiable,
    NotMapped,
    Reference,
    TryStep,
)
from connectors.kit.mapping import FactFields
from connectors.rest import calls, event_auth
from connectors.rest.client import RestClient
from connectors.rest.contacts import RestContacts
from connectors.rest.context import TemplateValues
from connectors.rest.model import CallTable, EventTable
from connectors.rest.paths import Path, as_text
from connectors.rest.template import NoAddress, NotRendered
from connectors.rest.trying_events import tried_event

_LOG = logging.getLogger(__name__)


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
        """What an authentic event names; one that the description cannot read is named whole, to be read later.

        Raises EventNotAuthentic.
        """
        if self._event is None or self._call is None or not self._secret:
            raise EventsUnverifiable("no [event] is described, so no event can be verified")
        shown, token = "", None
        try:
            content: Any = calls.body_of(self._event, body)
            readable = True
        except EventMalformed:
            content, readable = body.decode("utf-8", "replace"), False
        if self._event.proof.place == "body" and readable:
            token = Path.parse(self._event.proof.name)
            shown = as_text(token.get(content))
        event_auth.check(self._event.proof, self._secret, headers, path_secret, query, body, shown, self._now())
        try:
            return self._read(content)
        except (EventMalformed, NotRendered) as error:
            _LOG.warning("an event of the CRM is kept, for the description cannot read it: %s", error)
            return [calls.unread(content if token is None else token.blanked(content))]

    def tried(self, headers: Mapping[str, str], body: bytes, *, send: bool) -> Iterator[TryStep]:
        """What the description makes of an event that was kept in a file. Raises CrmRefused where none is described."""
        event, call = self._event, self._call
        if event is None or call is None:
            raise CrmRefused("no [event] is described")

        def prove() -> object:
            return self.parse(headers, headers.get("path-secret"), {}, body)

        resolve = self.resolve if send or call.request is None else None
        proof = prove if headers or event.proof.place == "body" else None
        return tried_event(event, body, self._values.of(), proof, self._read, resolve)

    def resolve(self, reference: Reference) -> CallResult | Sequence[Reference] | None:
        """The call that an event named, None where it is no call of ours; several where one was read only now.

        Raises as reads do; NotMapped for what the description cannot read yet.
        """
        call = self._call
        if call is None:
            return None
        try:
            if reference.kind == calls.UNREAD:
                found = self._read((reference.data or {}).get("event"))
                return found if len(found) > 1 else self.resolve(found[0]) if found else None
            record = self._record_of(call, reference) if reference.kind == calls.KIND else None
            if record is None:
                return None
            result = calls.call_result(call, self._facts, record, self._time_zone, self._values.of())
        except (EventMalformed, NotRendered) as error:
            raise NotMapped(f"{error}; mend the description in plugin.toml") from None
        return None if result is None else self._with_card(call, result)

    def _read(self, content: Any) -> list[Reference]:
        """The calls of an event's content. Raises EventMalformed, NotRendered."""
        event, call = self._event, self._call
        assert event is not None
        assert call is not None
        if isinstance(content, str):
            # It was no JSON when it came; another format may be described by now.
            content = calls.body_of(event, content.encode("utf-8", "surrogatepass"))
        return calls.references(event, call, self._facts, content, self._values.of())

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
