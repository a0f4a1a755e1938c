"""``[crm.rest]`` in plugin.toml: an account of a CRM that is described there, or by a profile that comes along."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema
from marshmallow.validate import Length, OneOf

from connectors.http.settings import HttpAccount
from connectors.kit.mapping import FactFields, FactsTable
from connectors.rest import event_auth, inherited, placeholders, profiles, quoting, samples
from connectors.rest.defaults import defaults_table
from connectors.rest.event_tables import call_table, catch_up_table, event_table
from connectors.rest.fields import parsed_path, words
from connectors.rest.places import merged, nested, templates_at
from connectors.rest.syntax import Use, suggestion
from connectors.rest.tables import (
    card_table,
    check_effect,
    check_table,
    contacts_table,
    create_table,
    error_table,
    find_table,
    person_table,
    remove_table,
    rule_table,
    state_table,
    states_table,
    table,
    withdraw_table,
)

#: What each way of proving the account needs: keys of [auth], and secrets of [crm.rest].
_NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "header": ((), ("token",)),
    "query": (("name",), ("token",)),
    "basic": (("user",), ("password",)),
    "body": ((), ("token",)),
    "oauth2": (("token_url", "client_id"), ("client_secret",)),
}


_AUTH_KEYS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "header": ("name", "prefix"),
    "query": ("name",),
    "basic": ("user",),
    "body": (),
    "oauth2": ("name", "prefix", "token_url", "client_id", "client_by", "scope", "grant"),
}


def account_secret() -> fields.String:
    """A secret of the account."""
    return fields.String(load_default=None, allow_none=True, validate=Length(min=1), metadata={"secret": True})


def _auth(data: dict[str, Any]) -> dict[str, Any]:
    check_effect(data, {"kind", *_AUTH_KEYS[data["kind"]]}, f"with auth of the kind {data['kind']}")
    if data["kind"] == "query":
        data.setdefault("prefix", "")
    given = {
        "name": "Authorization",
        "prefix": "Bearer ",
        "scope": "",
        "client_by": "body",
        "grant": "client_credentials",
        **data,
    }
    return given if data["kind"] != "query" else {**given, "name": data.get("name", "")}


def auth_table() -> fields.Nested:
    """``[auth]``."""
    return table(
        _auth,
        kind=fields.String(required=True, validate=OneOf(tuple(_NEEDS))),
        name=words(),
        prefix=fields.String(),
        user=words(),
        token_url=words(),
        client_id=words(),
        client_by=fields.String(validate=OneOf(("body", "header"))),
        scope=fields.String(),
        grant=fields.String(validate=OneOf(("client_credentials", "refresh_token"))),
        required=True,
    )


def _kinds(inner: Any, required: bool) -> fields.Nested:
    """``[find]`` and ``[remove]``: a table for each kind of record."""
    return table(lambda data: data, comment=inner(), reminder=inner(), email=inner(), **_option(required))


def _option(required: bool) -> dict[str, Any]:
    return {"required": True} if required else {"load_default": dict}


class RestSettings(HttpAccount):
    """The account and the description of its CRM; without ``profile`` the description stands here in full."""

    profile = words(load_default=None, allow_none=True)
    token = account_secret()
    password = account_secret()
    client_secret = account_secret()
    refresh_token = account_secret()
    event_secret = account_secret()
    auth = auth_table()
    time_zone = words(load_default=None, allow_none=True)
    defaults = defaults_table()
    #: Shapes of clients' records that several tables share; ``connectors.rest.inherited`` puts them in.
    shape = fields.Dict(keys=words(), values=fields.Dict(), load_default=dict)
    constants = fields.Dict(keys=words(), values=fields.Raw(), load_default=dict)
    answers = fields.List(rule_table(), load_default=list)
    error = error_table()
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

    @pre_load
    def _whole(self, data: Any, **_: Any) -> Any:
        return self._in_full(self._over_profile(data))

    @staticmethod
    def _over_profile(data: Any) -> Any:
        name = data.get("profile") if isinstance(data, Mapping) else None
        if not isinstance(name, str):
            return data
        try:
            return profiles.over_profile(name, data)
        except ValueError as error:
            raise ValidationError({"profile": [str(error)]}) from None

    @staticmethod
    def _in_full(data: Any) -> Any:
        try:
            return inherited.expanded(data) if isinstance(data, Mapping) else data
        except inherited.BadInheritance as error:
            raise ValidationError(error.messages) from None

    @validates_schema
    def _check_whole(self, data: Mapping[str, Any], *, partial: Any = None, **_: Any) -> None:
        unresolved = frozenset(partial) if isinstance(partial, tuple | list | set) else frozenset()
        wrong: dict[str, Any] = {}
        for key, what in (*auth_faults(data, unresolved), *_faults(data, unresolved), *template_faults(data)):
            wrong.setdefault(key, what)
        if not wrong:
            for place, said in (*quoting.faults(data), *samples.faults(data)):
                wrong = merged(wrong, nested(place, said))
        if wrong:
            raise ValidationError(wrong)


def _secrets_of(auth: Mapping[str, Any]) -> tuple[str, ...]:
    needed = _NEEDS[auth["kind"]][1]
    return (*needed, "refresh_token") if auth.get("grant") == "refresh_token" else needed


def auth_faults(data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """What lacks for the way in which the account proves itself, or is given and has no effect there."""
    auth = data["auth"]
    keys, secrets = _NEEDS[auth["kind"]][0], _secrets_of(auth)
    missing = [key for key in keys if not auth.get(key)]
    if missing:
        yield "auth", {key: [f"missing: auth of the kind {auth['kind']} needs it"] for key in missing}
    for key in secrets:
        if not data.get(key) and key not in unresolved:
            yield key, [f"missing: auth of the kind {auth['kind']} needs it, as {{ env = 'NAME' }}"]
    for key in ("token", "password", "client_secret", "refresh_token"):
        if data.get(key) and key not in _secrets_of(auth):
            yield key, [f"has no effect with auth of the kind {auth['kind']}"]


def constant_faults(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is wrong with the time zone and the constants."""
    zone = data["time_zone"]
    if zone is not None and zone not in zoneinfo.available_timezones():
        yield "time_zone", [f"unknown time zone {zone!r}; expected e.g. Europe/Moscow"]
    braces = sorted(name for name, value in data["constants"].items() if isinstance(value, str) and "{{" in value)
    if braces:
        yield "constants", {braces[0]: ["a constant is no template"]}
    odd = sorted(name for name, value in data["constants"].items() if not isinstance(value, str | bool | int | float))
    if odd:
        yield "constants", [f"{odd[0]!r} is not a text, a number, true, false"]


def _faults(data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
    yield from constant_faults(data)
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


def template_faults(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What only the whole description tells of its templates."""
    for place, template in templates_at(data):
        if template.local and data["time_zone"] is None:
            yield "time_zone", [f"missing: {template.source!r} needs it, e.g. Europe/Moscow"]
        for use in template.uses:
            if use.name == "token" and data["auth"]["kind"] != "body":
                told = nested(place[1:], f"{template.source!r} has a value with auth of the kind body only")
                yield str(place[0]), told
            if use.name != "constants":
                continue
            known = [f"constants.{name}" for name in data["constants"]]
            whole = f"constants.{use.attribute}" if use.attribute else "constants"
            if whole not in known:
                said = f"unknown placeholder {whole!r} in {template.source!r}{suggestion(whole, known)}"
                yield str(place[0]), nested(place[1:], said)
