"""``[crm.rest]`` in plugin.toml: an account of a CRM that is described there, or by a profile that comes along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length

from connectors.kit.mapping import FactFields, FactsTable
from connectors.rest import event_auth, inherited, placeholders
from connectors.rest.described import DescribedAccount, account_secret
from connectors.rest.event_tables import call_table, catch_up_table, event_table
from connectors.rest.fields import parsed_path, words
from connectors.rest.places import templates_at
from connectors.rest.syntax import Use, suggestion
from connectors.rest.tables import (
    card_table,
    check_table,
    contacts_table,
    create_table,
    find_table,
    person_table,
    remove_table,
    state_table,
    states_table,
    table,
    withdraw_table,
)


def _kinds(inner: Any, required: bool) -> fields.Nested:
    """``[find]`` and ``[remove]``: a table for each kind of record."""
    return table(lambda data: data, comment=inner(), reminder=inner(), email=inner(), **_option(required))


def _option(required: bool) -> dict[str, Any]:
    return {"required": True} if required else {"load_default": dict}


class RestSettings(DescribedAccount):
    """The account and the description of its CRM; without ``profile`` the description stands here in full."""

    event_secret = account_secret()
    #: Shapes of clients' records that several tables share; ``connectors.rest.inherited`` puts them in.
    shape = fields.Dict(keys=words(), values=fields.Dict(), load_default=dict)
    card = fields.Dict(keys=words(), values=card_table(), required=True, validate=Length(min=1))
    #: Whether a card is read before the first write to it; false: the CRM itself refuses one that it does not have.
    card_must_exist = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    contact_by_phone = contacts_table(placeholders.BY_PHONE)
    contact_by_name = contacts_table(placeholders.BY_NAME)
    comment = create_table(placeholders.COMMENT, required=True)
    reminder = create_table(placeholders.REMINDER, required=True)
    email = create_table(placeholders.EMAIL, load_default=None)
    find = _kinds(find_table, required=True)
    reminder_state = state_table()
    reminder_states = states_table()
    withdraw = withdraw_table()
    remove = _kinds(remove_table, required=False)
    check = fields.List(check_table(), load_default=list)
    person = person_table()
    event = event_table()
    call = call_table()
    catch_up = catch_up_table()
    #: Whether the CRM sends an event again that was not taken.
    repeats_events = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    facts = FactsTable()
    #: Fields of cards that rules read, each a path in the card's record.
    card_fields = FactsTable()

    def _in_full(self, data: Any) -> Any:
        try:
            return inherited.expanded(data) if isinstance(data, Mapping) else data
        except inherited.BadInheritance as error:
            raise ValidationError(error.messages) from None

    def _faults(self, data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
        return _faults(data, unresolved)


def _faults(data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
    kinds = ["comment", "reminder", *(["email"] if data["email"] else [])]
    missing = [kind for kind in kinds if kind not in data["find"]]
    if missing:
        yield "find", {kind: ["missing: what cannot be found again would be written twice"] for kind in missing}
    for key in ("contact_by_phone", "contact_by_name"):
        kind = data[key].type if data[key] else None
        if kind is not None and kind not in data["card"]:
            yield key, {"type": [f"no type of card{suggestion(kind, data['card'])}"]}
    call = data["call"]
    if call is not None and call.card_type is not None and call.card_type not in data["card"]:
        yield "call", {"default_card_type": [f"no type of card{suggestion(call.card_type, data['card'])}"]}
    yield from _event_faults(data, unresolved)
    yield from _without_effect(data)
    if data["catch_up"] is not None and data["call"] is None:
        yield "catch_up", ["given without [call]: what is a call there?"]
    elif data["catch_up"] is not None and not any(
        template.uses_name("since") for template in data["catch_up"].request.templates()
    ):
        yield "catch_up", ["no template of its request names since: it would read everything each time"]


def _without_effect(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is given and never used: who wrote it believes that it does something."""
    if data["email"] is None:
        for key in ("find", "remove"):
            if "email" in data[key]:
                yield key, {"email": ["has no effect without [email]"]}
    if data["event"] is None:
        for key in ("event_secret", "repeats_events"):
            if data[key]:
                yield key, ["has no effect without [event]"]
    elif data["event"].always_answers is not None and data["repeats_events"]:
        yield "event", {"always_answers": ["given with repeats_events: what is answered so is not sent again"]}
    uses = {use for _, template in templates_at(data) for use in template.uses}
    if Use("card", "collection") not in uses:
        for name, card in data["card"].items():
            if card.collection:
                yield "card", {name: {"collection": ["has no effect: no template names card.collection"]}}


def _event_faults(data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
    event, secret, facts = data["event"], data["event_secret"], data["facts"]
    if (event is None) != (data["call"] is None):
        absent = "event" if event is None else "call"
        yield absent, [f"missing: [{'call' if absent == 'event' else 'event'}] is described"]
    call = data["call"]
    if event is not None and call is not None and call.request is None and event.names_id:
        yield "event", {"id": ["has no effect where [call] has no path: [call] id says where it is"]}
    if event is not None and not secret and "event_secret" not in unresolved:
        yield "event_secret", ["missing: events are proven genuine by it, as { env = 'NAME' }"]
    if event is not None and secret:
        try:
            event_auth.check_secret(event.proof, secret)
        except ValueError as error:
            yield "event_secret", [str(error)]
    wrong = _wrong_paths(facts)
    if unreadable := _wrong_paths(data["card_fields"]):
        yield "card_fields", unreadable
    if wrong:
        yield "facts", wrong
    elif facts.fields and data["call"] is None:
        yield "facts", ["given without [call]: of which record are they fields?"]


def _wrong_paths(mapped: Any) -> dict[str, Any]:
    """The mapped fields that are no paths in a record."""
    wrong = {}
    for item in mapped.fields if isinstance(mapped, FactFields) else ():
        try:
            parsed_path(item.field)
        except ValidationError as error:
            wrong[item.fact] = {"field": error.messages}
    return wrong
