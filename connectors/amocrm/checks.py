"""Whether the account is as the plugin needs it, point by point, each with its remedy. Writes nothing.

Sources: amoCRM developers' pages «Параметры аккаунта», «Пользователи», «Поля и группы полей», «Webhooks».
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.amocrm.client import BLOCKED, UNPAID, AmoClient
from connectors.amocrm.contacts import is_id
from connectors.base import NO_STORE, Assignee, CardFieldState, Check, ConnectorError, CrmRefused, CrmUnavailable
from connectors.http.oauth import TokenRefused
from connectors.kit.card_fields import Entry, card_field_state
from connectors.kit.checks import clocks_agree, date_header, stays_private, unmapped
from connectors.kit.mapping import FactField, FactFields
from connectors.protocol.check import is_throttled, point, read_failed, untried

#: Lists that the plugin reads; a 403 on one of them is a right that is missing. Customers can be switched off.
_READ = ("leads", "contacts", "companies", "tasks")
#: What the plugin does to each, in the words of a user's rights.
_RIGHTS: Mapping[str, Sequence[str]] = {
    "leads": ("view", "edit"),
    "contacts": ("view", "edit"),
    "companies": ("view", "edit"),
    "tasks": ("edit",),
}
_DENIED = "D"
#: Cards that answers are read from.
_WITH_ANSWERS = ("leads", "contacts", "companies")
_FIELD_PAGES = 20
#: What the webhook must tell, for calls noted on contacts and leads and for answers filled in there.
_TOLD = frozenset({"note_contact", "note_lead", "update_contact", "update_lead"})


class AmoChecks:
    """The points of ``optout doctor``. Never raises."""

    def __init__(self, api: AmoClient, settings: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._api = api
        self._settings = settings
        self._now = now

    def account(self) -> Sequence[Check]:
        """Everything about the account; the later points are left out where the account cannot be asked at all."""
        points = [stays_private(self._api.base_url)]
        try:
            answer = self._api.answer("account", {"with": "task_types"})
        except ConnectorError as error:
            return [*points, *_not_let_in(error)]
        account = answer.data
        if not isinstance(account, dict) or not isinstance(account.get("id"), int):
            return [*points, point("the CRM answers", False, "base_url leads to something else; correct it")]
        return [
            *points,
            point("the CRM answers", True),
            point("the token is accepted", True),
            clocks_agree(date_header(answer.headers), self._now()),
            *self._same(account),
            *self._rights(account),
            *self._mapping(),
            *self._events(),
        ]

    def assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded; nobody can be mailed."""
        points = []
        if mailed:
            why = 'amoCRM mails nobody over its API: set email = "smtp" for the role in roles.toml'
            points.append(point("the CRM can mail the person", False, why))
        if not is_id(assignee.user):
            remedy = "Give the user's number as crm_user in roles.toml (Settings, Users; it stands in the address)"
            return [point("the person is a user of the CRM", False, remedy), *points]
        try:
            user = self._api.record(f"users/{assignee.user}")
        except ConnectorError as error:
            unread = read_failed("the person is a user of the CRM", error, f"Users cannot be read: {_remedy(error)}")
            return [unread, *points]
        rights = user.get("rights") if user else None
        active = user is not None and not (isinstance(rights, dict) and rights.get("is_active") is False)
        remedy = f"The CRM has no active user {assignee.user}: correct crm_user in roles.toml"
        points.insert(0, point("the person is a user of the CRM", active, remedy))
        other = str(self._settings.get("own_user") or "") != assignee.user
        remedy = "amoCRM tells nobody of tasks that they set themselves: sign the plugin in as a user of its own"
        return [*points, point("the person is not the plugin's own user", other, remedy)]

    def card_field_states(self) -> Sequence[CardFieldState]:
        """What the account says of the declared fields of cards. Raises CrmUnavailable, CrmRefused."""
        declared: FactFields = self._settings["card_fields"]
        found = self._custom_fields() if declared.fields else {}
        return [_card_field_state(item, found.get(item.field)) for item in declared.fields]

    def _custom_fields(self) -> dict[str, dict[str, Any]]:
        """The custom fields of all kinds of card, by their ids. Raises as reads do."""
        return {
            str(field.get("id")): field
            for collection in _WITH_ANSWERS
            for field in self._api.listed(f"{collection}/custom_fields", "custom_fields", {}, pages=_FIELD_PAGES)
        }

    # --- the points --------------------------------------------------------------------------------

    def _same(self, account: Mapping[str, Any]) -> Iterator[Check]:
        number, user = account["id"], account.get("current_user_id")
        wanted = self._settings["account_id"]
        yield point("it is the account of the settings", number == wanted, f"Set account_id = {number} in plugin.toml")
        own = self._settings.get("own_user")
        yield point("own_user is the plugin's user", own == user, f"Set own_user = {user} in plugin.toml")
        kinds = account.get("_embedded", {}).get("task_types", [])
        known = {kind.get("id") for kind in kinds if isinstance(kind, dict)}
        task_type = self._settings["task_type"]
        listed = ", ".join(str(kind) for kind in sorted(filter(None, known)))
        remedy = f"The CRM has no task type {task_type}: set task_type to one of {listed}"
        # 1 and 2 are there in every account, whether they are listed or not.
        yield point("the task type exists", task_type in known | {1, 2}, remedy)

    def _rights(self, account: Mapping[str, Any]) -> Iterator[Check]:
        customers = ("customers",) if account.get("customers_mode") not in (None, "disabled", "unavailable") else ()
        for collection in (*_READ, *customers):
            yield self._tried(f"{collection} can be read", collection, f"let the plugin's user see all {collection}")
        yield self._tried("notes can be read", "contacts/notes", "let the plugin's user see all contacts")
        name = "users can be read"
        try:
            user = self._api.record(f"users/{account.get('current_user_id')}") or {}
        except ConnectorError as error:
            remedy = f"Only an administrator's token reads users, which the doctor needs: {_remedy(error)}"
            yield read_failed(name, error, remedy)
            return
        yield point(name, True)
        yield from _granted(user.get("rights"))

    def _mapping(self) -> Iterator[Check]:
        mapped: FactFields = self._settings["facts"]
        if not mapped.fields:
            return
        name = "fields of the mapping can be read"
        try:
            found = self._custom_fields()
        except ConnectorError as error:
            yield read_failed(name, error, _remedy(error))
            return
        yield point(name, True)
        for item in mapped.fields:
            yield from _mapped(item, found.get(item.field))
        remedy = "The list of events shows what was changed during a call: let the plugin's user see it"
        yield self._tried("changes of fields can be read", "events", remedy)

    def _events(self) -> Iterator[Check]:
        """Whether the CRM tells the plugin of calls, where it is to."""
        secret = self._settings.get("webhook_secret")
        if not self._settings["facts"].fields and not secret:
            return
        yield point("its events can be verified", bool(secret), "Set webhook_secret in plugin.toml")
        if not secret:
            return
        name = "its webhook is set up"
        try:
            hooks = list(self._api.listed("webhooks", "webhooks", {}))
        except ConnectorError as error:
            yield read_failed(name, error, f"Only an administrator's token reads webhooks: {_remedy(error)}")
            return
        ours = [hook for hook in hooks if str(hook.get("destination", "")).endswith(f"/{secret}")]
        remedy = "Add a webhook to https://<this plugin>/events/amocrm/<webhook_secret> (Settings, Integrations)"
        yield point(name, bool(ours), remedy)
        if ours:
            on = [hook for hook in ours if not hook.get("disabled")]
            yield point("its webhook is switched on", bool(on), "amoCRM has switched it off after errors: switch it on")
            missing = _TOLD - {told for hook in ours for told in hook.get("settings") or ()}
            yield point("its webhook tells of calls", not missing, f"Tick these too: {', '.join(sorted(missing))}")

    def _tried(self, name: str, path: str, remedy: str) -> Check:
        try:
            self._api.record(path, {"limit": "1"})
        except ConnectorError as error:
            return read_failed(name, error, f"{remedy[0].upper()}{remedy[1:]} ({_remedy(error)})")
        return point(name, True)


# --- details ---------------------------------------------------------------------------------------


def _not_let_in(error: ConnectorError) -> Sequence[Check]:
    status = getattr(error, "status", None)
    answers, accepted = point("the CRM answers", True), "the token is accepted"
    if isinstance(error, TokenRefused) or status == 401:
        return [answers, point(accepted, False, f"Make a new token in the CRM, or connect it again: {error}")]
    if status in (402, 403):
        return [answers, point("the account is open", False, _remedy(error))]
    if is_throttled(error) or getattr(error, "code", None) == NO_STORE:
        return [answers, untried(accepted, error)]
    return [point("the CRM answers", False, f"Correct base_url, or wait until the CRM is back: {error}")]


def _remedy(error: ConnectorError) -> str:
    code = error.code if isinstance(error, CrmRefused | CrmUnavailable) else None
    if code == UNPAID:
        return "the account's paid time is over: renew it in the CRM"
    if code == BLOCKED:
        return "the CRM has shut its API after too many requests: stop the plugin and write to the CRM's support"
    return str(error)


def _granted(rights: Any) -> Iterator[Check]:
    """What the user may do, by the user's own record; an administrator may do everything."""
    if not isinstance(rights, dict) or rights.get("is_admin") is True:
        return
    for collection, acts in _RIGHTS.items():
        held = rights.get(collection)
        denied = [act for act in acts if isinstance(held, dict) and held.get(act) == _DENIED]
        remedy = f"Let the plugin's user {' and '.join(denied)} {collection} (Settings, Users, Rights)"
        yield point(f"{collection} can be written to", not denied, remedy)


def _card_field_state(item: FactField, field: Mapping[str, Any] | None) -> CardFieldState:
    entries = field.get("enums") if field is not None else None
    if field is not None and field.get("type") == "checkbox":
        return card_field_state(item, True, [("true", ("true", "1")), ("false", ("false", "0"))])
    if not isinstance(entries, list):
        return card_field_state(item, field is not None, None)
    listed: list[Entry] = [
        (f"{entry.get('value')} ({entry.get('id')})", (str(entry.get("value")), str(entry.get("id"))))
        for entry in entries
        if isinstance(entry, dict)
    ]
    return card_field_state(item, True, listed)


def _mapped(item: FactField, field: Mapping[str, Any] | None) -> Iterator[Check]:
    """Whether a mapped field exists and every entry of its list has a meaning."""
    known = f"the field of the fact {item.fact!r} exists"
    remedy = (
        f"No lead's, contact's or company's field has the id {item.field!r}: correct crm.amocrm.facts.{item.fact}.field"
    )
    yield point(known, field is not None, remedy)
    entries = field.get("enums") if field is not None else None
    if item.values is None or not isinstance(entries, list):
        return
    spelt = [(str(entry.get("id")), str(entry.get("value"))) for entry in entries if isinstance(entry, dict)]
    missing = unmapped(item, [(f"{text} ({number})", (number, text)) for number, text in spelt])
    remedy = f"Give these a meaning in crm.amocrm.facts.{item.fact}.values, or list them in empty: {', '.join(missing)}"
    yield point(f"every entry of the field of {item.fact!r} is mapped", not missing, remedy)
