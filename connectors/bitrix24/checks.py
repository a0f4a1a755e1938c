"""What ``optout doctor`` asks of a portal: reachable, signed in, allowed to call what is needed, and set up as mapped.

Sources: https://apidocs.bitrix24.ru/api-reference/common/system/scope.html, /common/system/method-get.html,
/common/users/profile.html, /crm/universal/crm-item-fields.html, /mail/mailbox/mail-mailbox-senders.html,
/user/user-get.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Assignee, CardFieldState, Check, CrmRefused, CrmUnavailable
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import BatchAnswer, Command
from connectors.bitrix24.settings import mapped_fields
from connectors.bitrix24.types import EntityType, is_id, type_named
from connectors.kit.card_fields import Entry, card_field_state
from connectors.kit.checks import FRAMES_PROVEN, clocks_agree, stays_private, unmapped
from connectors.kit.mapping import FactField, FactFields
from connectors.protocol.check import is_throttled, point, read_failed, untried

#: No portal's clock shows more; in seconds since 1970.
_LATEST = 2**33
_SIGNED_IN = "the portal accepts the webhook or token"
_METHODS = {
    "crm": (
        *("crm.item.get", "crm.item.list", "crm.item.fields", "crm.duplicate.findbycomm"),
        *("crm.timeline.comment.add", "crm.timeline.comment.get", "crm.timeline.comment.list"),
        *("crm.activity.get", "crm.activity.list"),
    ),
    "todo": ("crm.activity.todo.add", "crm.activity.todo.updatedescription", "crm.activity.update"),
    "task": ("tasks.task.add", "tasks.task.get", "tasks.task.list", "tasks.task.update", "tasks.task.complete"),
    "im": ("im.notify.personal.add",),
    "telephony": ("voximplant.statistic.get",),
    "user": ("user.get",),
}
_PAGE = 100
_NO_RIGHT, _ABSENT = 403, 404


def account(portal: Bitrix24Client, settings: Mapping[str, Any], now: datetime) -> Sequence[Check]:
    """Every point of the account, up to the first one without which nothing else can be asked. Never raises."""
    tokens = () if portal.webhook_user is not None else (settings["oauth_server"],)
    points = [stays_private(portal.address, *tokens)]
    try:
        portal.sign_in()
    except CrmUnavailable as error:
        return [*points, _no_token(error)]
    try:
        me = portal.envelope("profile")
    except (CrmUnavailable, CrmRefused) as error:
        return [*points, *_not_signed_in(error)]
    points += [point("the portal answers", True), point(_SIGNED_IN, True), _clocks(me, now)]
    try:
        return [*points, *_rights(portal, settings), *_fields(portal, settings), *_proofs(portal, settings)]
    except (CrmUnavailable, CrmRefused) as error:
        return [*points, read_failed("the portal answers every question", error, f"Mend this first: {error}")]


def person(portal: Bitrix24Client, settings: Mapping[str, Any], assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
    """Whether this employee is there and can be reminded and mailed. Never raises."""
    name = "the person can be reminded"
    if not is_id(assignee.user):
        return [point(name, False, "Give the role the number of a user of the portal (in the address of the profile)")]
    # Without ACTIVE in the filter dismissed people are found as well, which is what is to be told apart.
    params = {"FILTER": {"ID": assignee.user}, "select": ["ID", "ACTIVE", "EMAIL", "USER_TYPE"]}
    try:
        found = portal.call("user.get", params)
    except CrmRefused as error:
        return [point(name, False, f"Give the webhook or application the scope user_basic or user: {error}")]
    except CrmUnavailable as error:
        return [untried(name, error)]
    user = found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else None
    if user is None:
        return [point(name, False, f"The portal has no user {assignee.user}: correct the role")]
    points = [point(name, user.get("ACTIVE") is not False, f"User {assignee.user} was dismissed: correct the role")]
    if mailed and settings["mail"] == "message":
        remedy = "Give the role an address, or let its mail go over SMTP"
        points.append(point("the person can be mailed", bool(assignee.address), remedy))
    elif mailed:
        # Whether their notifications are mailed is the employee's own setting, which the API does not show.
        remedy = f"Enter an e-mail address for user {assignee.user} in the portal, and have mailing of notifications on"
        points.append(point("the person can be mailed", bool(user.get("EMAIL")), remedy))
    return points


def card_field_states(portal: Bitrix24Client, settings: Mapping[str, Any]) -> Sequence[CardFieldState]:
    """What the kinds of card say of the declared fields. Raises CrmUnavailable, CrmRefused."""
    declared: FactFields = settings["card_fields"]
    if not declared.fields:
        return ()
    kinds = [kind for kind in map(type_named, settings["card_types"]) if kind is not None]
    answer = portal.ask(_described_kinds(kinds))
    refused = [portal.refusal(answer, kind.name, "crm.item.fields") for kind in kinds]
    if kinds and all(refused):
        raise next(filter(None, refused))
    return [_card_field_state(item, answer, kinds) for item in declared.fields]


def _card_field_state(item: FactField, answer: BatchAnswer, kinds: Sequence[EntityType]) -> CardFieldState:
    known = [found for kind in kinds if (found := _described(answer, kind, item.field)) is not None]
    entries: list[Entry] = [
        (f"{one.get('ID')} («{one.get('VALUE')}»)", (str(one.get("ID")),))
        for found in known
        for one in _list_values(found)
    ]
    return card_field_state(item, bool(known), entries or _yes_no(known))


def _yes_no(known: Sequence[Mapping[str, Any]]) -> Sequence[Entry] | None:
    """A field of the type «yes or no» holds Y, N or nothing."""
    return [("Y", ("Y", "1")), ("N", ("N", "0"))] if known and known[0].get("type") == "boolean" else None


# --- signed in --------------------------------------------------------------------------------------


def _not_signed_in(error: CrmUnavailable | CrmRefused) -> Sequence[Check]:
    if error.status in (401, 403):
        remedy = f"Make a new incoming webhook or install the application again: {error}"
        return [point("the portal answers", True), point(_SIGNED_IN, False, remedy)]
    if is_throttled(error):
        return [point("the portal answers", True), untried(_SIGNED_IN, error)]
    remedy = f"Correct the portal's address, its certificate or the network between: {error}"
    if isinstance(error, CrmUnavailable) and error.blocked:
        remedy = f"Write to the support of Bitrix24, who have shut the REST API of this portal by hand: {error}"
    return [point("the portal answers", False, remedy)]


def _no_token(error: CrmUnavailable) -> Check:
    remedy = f"Connect the application anew and give its new refresh_token: {error}"
    return read_failed("a token can be had", error, remedy)


def _clocks(envelope: Mapping[str, Any], now: datetime) -> Check:
    times = envelope.get("time")
    start = times.get("start") if isinstance(times, Mapping) else None
    if not isinstance(start, int | float) or not 0 < start < _LATEST:
        return clocks_agree(None, now)
    return clocks_agree(datetime.fromtimestamp(start, UTC), now)


# --- rights -----------------------------------------------------------------------------------------


def _rights(portal: Bitrix24Client, settings: Mapping[str, Any]) -> Iterator[Check]:
    needed = _needed(settings)
    granted = portal.call("scope")
    scopes = {str(item).lower() for item in granted} if isinstance(granted, list) else set()
    for scope in needed:
        enough = scope in scopes or (scope == "user" and bool(scopes & {"user_basic", "user_brief"}))
        wanted = "user_basic" if scope == "user" else scope
        yield point(f"scope {scope}", enough, f"Give the webhook or application the right {wanted!r} and save it")
    methods = [method for scope in needed for method in _methods(scope, settings)]
    commands = {f"m{i}": Command("method.get", {"name": method}) for i, method in enumerate(methods)}
    answer = portal.ask(commands)
    for key, method in zip(commands, methods, strict=True):
        name, told = f"may call {method}", answer.results.get(key)
        refused = portal.refusal(answer, key, "method.get")
        if refused is not None:
            # That the portal does not tell of a method says nothing about the method.
            yield untried(name, refused)
            continue
        there = isinstance(told, Mapping) and bool(told.get("isExisting"))
        usable = there and isinstance(told, Mapping) and bool(told.get("isAvailable"))
        remedy = "Give the webhook or application its scope" if there else "Update the portal: it has no such method"
        yield point(name, usable, remedy)
    if settings["mail"] == "message":
        yield _sender(portal, settings)


def _needed(settings: Mapping[str, Any]) -> Sequence[str]:
    wanted = ["crm", "user"]
    if settings["reminders"] == "task":
        wanted.append("task")
    if settings["mail"] == "notify":
        wanted.append("im")
    if settings["application_token"] and not settings["record_type"]:
        wanted.append("telephony")
    return wanted


def _methods(scope: str, settings: Mapping[str, Any]) -> Sequence[str]:
    own = _METHODS[scope]
    return (*own, *_METHODS["todo"]) if scope == "crm" and settings["reminders"] == "todo" else own


def _sender(portal: Bitrix24Client, settings: Mapping[str, Any]) -> Check:
    name, wanted = "the portal can send mail", str(settings["mail_from"]).lower()
    try:
        found = portal.call_v3("mail.mailbox.senders", {"pagination": {"limit": _PAGE}})
    except (CrmUnavailable, CrmRefused) as error:
        remedy = f"Give the webhook or application the right 'mail', or send over SMTP: {error}"
        return read_failed(name, error, remedy)
    items = found.get("items") if isinstance(found, Mapping) else None
    senders = {str(item.get("email", "")).lower() for item in items or () if isinstance(item, Mapping)}
    return point(name, wanted in senders, "Connect the mailbox of mail_from to the user whose webhook or token it is")


# --- cards and mapped fields --------------------------------------------------------------------------


def _fields(portal: Bitrix24Client, settings: Mapping[str, Any]) -> Iterator[Check]:
    kinds = [kind for kind in map(type_named, settings["card_types"]) if kind is not None]
    record = type_named(f"dynamic_{settings['record_type']}") if settings["record_type"] else None
    asked = [*kinds, *([record] if record is not None else [])]
    answer = portal.ask(_described_kinds(asked))
    for kind in asked:
        yield _readable(f"cards of type {kind.name}", portal.refusal(answer, kind.name, "crm.item.fields"))
    where = [record] if record is not None else kinds
    unread = next(filter(None, (portal.refusal(answer, kind.name, "crm.item.fields") for kind in where)), None)
    for item in mapped_fields(settings["facts"], of_call=False).fields:
        described = [_described(answer, kind, item.field) for kind in where]
        known = any(found is not None for found in described)
        yield _mapped(item, described) if known or unread is None else untried(_field_name(item), unread)
    for setting in ("facts_changed_field", "record_phone_field", "record_time_field"):
        name = settings[setting]
        if name:
            there = any(_described(answer, kind, name) is not None for kind in where)
            missing = point(f"field {name}", there, f"No card has it: correct {setting} or make the field")
            yield missing if there or unread is None else untried(f"field {name}", unread)


def _described_kinds(kinds: Sequence[EntityType]) -> dict[str, Command]:
    """What asks for the fields of each kind."""
    return {
        kind.name: Command("crm.item.fields", {"entityTypeId": kind.number, "useOriginalUfNames": "Y"})
        for kind in kinds
    }


def _readable(name: str, refused: CrmUnavailable | CrmRefused | None) -> Check:
    """Only a right or a kind that is missing is told as such; any other refusal says nothing about the cards."""
    if refused is None:
        return point(name, True)
    if refused.status not in (_NO_RIGHT, _ABSENT):
        return untried(name, refused)
    remedy = f"Give the webhook's user the right to read and change them, or leave them out of the settings: {refused}"
    return point(name, False, remedy)


def _field_name(item: FactField) -> str:
    return f"field {item.field} of the fact {item.fact}"


def _described(answer: BatchAnswer, kind: EntityType, field: str) -> Mapping[str, Any] | None:
    result = answer.results.get(kind.name)
    found = result.get("fields") if isinstance(result, Mapping) else None
    described = found.get(field) if isinstance(found, Mapping) else None
    return described if isinstance(described, Mapping) else None


def _mapped(item: FactField, described: Sequence[Mapping[str, Any] | None]) -> Check:
    name, known = _field_name(item), [found for found in described if found is not None]
    if not known:
        return point(name, False, "No card has it: correct the mapping or make the field")
    values = [(str(one.get("ID")), str(one.get("VALUE"))) for found in known for one in _list_values(found)]
    missing = unmapped(item, [(f"{number} («{shown}»)", (number,)) for number, shown in values])
    return point(name, not missing, f"Map these of its values too, or list them as empty: {', '.join(missing)}")


def _list_values(described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    items = described.get("items")
    return [one for one in items if isinstance(one, Mapping)] if isinstance(items, list) else []


# --- events -----------------------------------------------------------------------------------------


def _proofs(portal: Bitrix24Client, settings: Mapping[str, Any]) -> Iterator[Check]:
    if settings["client_id"]:
        remedy = "Set frame_token or member_id: without, no frame of the operators' page is opened"
        yield point(FRAMES_PROVEN, bool(settings["frame_token"] or settings["member_id"]), remedy)
    if settings["facts"].fields:
        remedy = "Set application_token to the token of the outgoing webhook or of the application"
        yield point("its events can be verified", bool(settings["application_token"]), remedy)
        remedy = "Set own_user to the user as whom the application writes"
        own = bool(settings["own_user"] or portal.webhook_user)
        yield point("the plugin's own changes can be told apart", own, remedy)
