"""amoCRM on loopback, as far as the plugin uses it, behaving as its developers' pages say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

ACCOUNT = 30_112_233
#: The user whom the plugin signs in as, and two more.
OWN, COORDINATOR, SMS_MANAGER = 700_001, 700_002, 700_003
TOKEN = "long-lived-t0ken"
CLIENT_ID, CLIENT_SECRET, REDIRECT = "client-id", "cl1ent-secret", "https://optout.example.org/"
CODE = "authorisation-c0de"

CARDS = ("leads", "contacts", "companies", "customers")
#: The list of events tells of a call by its note.
_CALL_EVENTS = {"call_in": "incoming_call", "call_out": "outgoing_call"}
_PROBLEM = {"Content-Type": "application/problem+json"}
_SPACE = re.compile(r"\D")


@dataclass
class Account:
    """What the account holds. ``cut`` changes a record on its way in, as amoCRM quietly does."""

    cards: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in CARDS})
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    fields: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"leads": [], "contacts": []})
    events: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    task_types: list[dict[str, Any]] = field(default_factory=lambda: [{"id": 1}, {"id": 2}, {"id": 77}])
    #: Collections that the user has no right to.
    forbidden: set[str] = field(default_factory=set)
    cut: Callable[[dict[str, Any]], None] = lambda record: None
    customers_mode: str = "segments"
    #: Whether the lists of events and cards heed their filters: not every account does.
    filters: bool = True


class AmoServer(FakeApi):
    """``account`` is what it holds; ``now`` its clock. By OAuth too: each refresh token counts once."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.account = Account()
        self.now = now
        self.tokens = {TOKEN}
        self.refresh_tokens: set[str] = set()
        self.codes = {CODE}
        self.exchanges = 0
        self._ids = itertools.count(1_000_001)
        for number, name in ((OWN, "Плагин"), (COORDINATOR, "Координатор"), (SMS_MANAGER, "Менеджер")):
            self.account.users[number] = {
                "id": number,
                "name": name,
                "email": f"user{number}@example.org",
                "rights": {"is_admin": number == OWN, "is_active": True},
            }

    # --- what tests put in -------------------------------------------------------------------------

    def card(self, collection: str, name: str, phones: Iterable[str] = (), **more: Any) -> int:
        number = next(self._ids)
        record = {"id": number, "name": name, "custom_fields_values": None, "is_deleted": False} | more
        if phones:
            values = [{"value": phone, "enum_id": 1, "enum_code": "WORK"} for phone in phones]
            record["custom_fields_values"] = [{"field_id": 10, "field_code": "PHONE", "values": values}]
        self.account.cards[collection][number] = record
        return number

    def note(self, collection: str, card: int, **more: Any) -> int:
        number = next(self._ids)
        self.account.notes[number] = {
            "id": number,
            "entity_id": card,
            "_collection": collection,
            "created_by": COORDINATOR,
            "created_at": int(self.now().timestamp()),
            "note_type": "common",
            "params": {"text": ""},
        } | more
        note = self.account.notes[number]
        if note["note_type"] in _CALL_EVENTS:
            told = {"type": _CALL_EVENTS[note["note_type"]], "value_after": [{"note": {"id": number}}]}
            self._tell(collection, card, **{name: note[name] for name in ("created_by", "created_at")}, **told)
        return number

    def _tell(self, collection: str, card: int, **event: Any) -> None:
        """One more line in the account's list of events."""
        kind = "company" if collection == "companies" else collection.removesuffix("s")
        told = {"id": f"01event{next(self._ids)}", "entity_id": card, "entity_type": kind, "account_id": ACCOUNT}
        self.account.events.append(told | {"created_by": COORDINATOR, "value_before": []} | event)

    def fill(self, collection: str, card: int, field_id: int, values: list[dict[str, Any]], **more: Any) -> None:
        """Fill in a card's field, which the list of events then shows."""
        record = self.account.cards[collection][card]
        kept = [held for held in record["custom_fields_values"] or [] if held["field_id"] != field_id]
        record["custom_fields_values"] = [*kept, {"field_id": field_id, "field_code": None, "values": values}]
        after = [{"custom_field_value": {"field_id": field_id, "text": one["value"]} | _entry(one)} for one in values]
        told = {"type": f"custom_field_{field_id}_value_changed", "value_after": after}
        self._tell(collection, card, **({"created_at": int(self.now().timestamp())} | told | more))

    # --- faults ------------------------------------------------------------------------------------

    def worded(self, fault: Fault) -> ApiAnswer:
        match fault:
            case Fault.THROTTLED:
                return problem(429, "Too Many Requests", retry_after=2)
            case Fault.REFUSED:
                errors = [{"code": "NotSupportedChoice", "path": "note_type", "detail": "Not a valid choice."}]
                return problem(400, "Bad Request", **{"validation-errors": [{"request_id": "0", "errors": errors}]})
            case Fault.TOKEN_EXPIRED:
                return problem(401, "Unauthorized")
            case Fault.BLOCKED:
                return ApiAnswer(403, b"<html><h1>403 Forbidden</h1></html>", {"Content-Type": "text/html"})
        return problem(500, "ErrInternalServer")

    def is_write(self, request: ApiRequest) -> bool:
        return request.method != "GET" and request.path.startswith("/api/")

    # --- answering ---------------------------------------------------------------------------------

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.path == "/oauth2/access_token":
            return self._exchange(request.data)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return problem(401, "Unauthorized")
        parts = request.path.removeprefix("/api/v4/").split("/")
        if parts[0] in self.account.forbidden or "/".join(parts) in self.account.forbidden:
            return problem(403, "Forbidden")
        found = self._get(parts, request.query) if request.method == "GET" else self._change(request, parts)
        return ApiAnswer(found.status, found.data, {"Date": format_datetime(self.now())} | dict(found.headers))

    def _exchange(self, asked: Any) -> ApiAnswer:
        self.exchanges += 1
        if (asked.get("client_id"), asked.get("client_secret"), asked.get("redirect_uri")) != (
            CLIENT_ID,
            CLIENT_SECRET,
            REDIRECT,
        ):
            return problem(401, "Invalid client")
        good, given = (
            (self.codes, asked.get("code"))
            if asked.get("grant_type") == "authorization_code"
            else (self.refresh_tokens, asked.get("refresh_token"))
        )
        if given not in good:
            return problem(400, "Invalid grant", hint="Authorization code has expired")
        good.remove(given)
        access, refresh = f"access-t0ken-{self.exchanges}", f"refresh-t0ken-{self.exchanges}"
        self.tokens = {TOKEN, access}
        self.refresh_tokens.add(refresh)
        data = {"token_type": "Bearer", "expires_in": 86_400, "access_token": access, "refresh_token": refresh}
        return ApiAnswer(200, data)

    # --- reading -----------------------------------------------------------------------------------

    def _get(self, parts: list[str], query: Mapping[str, str]) -> ApiAnswer:
        found = self._list(parts, query)
        if found is not None:
            return page(parts[-1], found, query, most=100 if parts == ["events"] else 250)
        account = self.account
        match parts:
            case ["account"]:
                return one(self._about())
            case ["users" | "tasks" as name, number]:
                return one(getattr(account, name).get(int(number)))
            case [collection, card, "notes", number]:
                notes = {note["id"]: note for note in self._notes(collection, int(card), {})}
                return one(notes.get(int(number)))
            case [collection, card] if collection in CARDS:
                return one(account.cards[collection].get(int(card)))
        return problem(404, "Not Found")

    def _list(self, parts: list[str], query: Mapping[str, str]) -> list[dict[str, Any]] | None:
        whole = {"webhooks": lambda _: self.account.webhooks, "events": self._events, "tasks": self._tasks}
        match parts:
            case [name] if name in whole:
                return whole[name](query)
            case [collection, "custom_fields"]:
                return self.account.fields.get(collection, [])
            case [collection, *card, "notes"]:
                return self._notes(collection, int(card[0]) if card else None, query)
            case [collection] if collection in CARDS:
                return self._cards(collection, query)
        return None

    def _about(self) -> dict[str, Any]:
        return {
            "id": ACCOUNT,
            "name": "ООО «Пример»",
            "subdomain": "example",
            "current_user_id": OWN,
            "customers_mode": self.account.customers_mode,
            "_embedded": {"task_types": self.account.task_types},
        }

    def _cards(self, collection: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """``query`` is looked for in all filled fields, numbers whatever stands between their digits."""
        ids = listed(query, "id")
        if ids and self.account.filters:
            return [record for number, record in self.account.cards[collection].items() if str(number) in ids]
        wanted = query.get("query", "")
        digits = _SPACE.sub("", wanted)
        return [
            record
            for record in self.account.cards[collection].values()
            if wanted.casefold() in record["name"].casefold()
            or (len(digits) >= 7 and any(digits in _SPACE.sub("", phone) for phone in phones_of(record)))
        ]

    def _notes(self, collection: str, card: int | None, query: Mapping[str, str]) -> list[dict[str, Any]]:
        ids, entities, kinds = (listed(query, name) for name in ("id", "entity_id", "note_type"))
        found = [
            {name: value for name, value in note.items() if not name.startswith("_")}
            for note in self.account.notes.values()
            if note["_collection"] == collection
            and card in (None, note["entity_id"])
            and (not ids or str(note["id"]) in ids)
            and (not entities or str(note["entity_id"]) in entities)
            and (not kinds or note["note_type"] in kinds)
        ]
        return found[::-1] if query.get("order[id]") == "desc" else found

    def _tasks(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        ids, entities = listed(query, "id"), listed(query, "entity_id")
        kind = query.get("filter[entity_type]")
        found = [
            task
            for task in self.account.tasks.values()
            if (not ids or str(task["id"]) in ids)
            and (not entities or str(task["entity_id"]) in entities)
            and kind in (None, task["entity_type"])
        ]
        return found[::-1] if query.get("order[created_at]") == "desc" else found

    def _events(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        since, until = (
            int(query.get(f"filter[created_at][{end}]", last)) for end, last in (("from", 0), ("to", 2**40))
        )
        entity, ids, kinds = (query.get(f"filter[{name}]", "") for name in ("entity", "entity_id", "type"))
        return [
            event
            for event in reversed(self.account.events)
            if not self.account.filters
            or (
                entity in ("", event["entity_type"])
                and (not ids or str(event["entity_id"]) in ids.split(","))
                and (not kinds or event["type"] in [*kinds.split(","), "custom_field_value_changed"])
                and since <= event["created_at"] <= until
            )
        ]

    # --- writing -----------------------------------------------------------------------------------

    def _change(self, request: ApiRequest, parts: list[str]) -> ApiAnswer:
        items = request.data
        match request.method, parts:
            case "PATCH", ["tasks", number]:
                return self._patched([items | {"id": int(number)}], single=True)
            case "PATCH", ["tasks"]:
                return self._patched(items, single=False)
            case "POST", ["tasks"]:
                return self._created("tasks", items, self._task_errors, self._new_task)
            case "POST", [collection, "notes"] if collection in CARDS:
                return self._created(
                    "notes",
                    items,
                    lambda item: self._card_errors(collection, item),
                    lambda item: self._new_note(collection, item),
                )
        return problem(405, "Method Not Allowed")

    def _created(
        self,
        name: str,
        items: Any,
        errors: Callable[[dict[str, Any]], list[dict[str, str]]],
        create: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> ApiAnswer:
        """All of an array or nothing."""
        if not isinstance(items, list) or not items:
            return problem(400, "Bad Request", detail="Request data can not be empty")
        if len(items) > 250:
            return problem(422, "Unprocessable Entity", detail="Limit 250 per page")
        wrong = [{"request_id": item.get("request_id", "0"), "errors": errors(item)} for item in items]
        wrong = [entry for entry in wrong if entry["errors"]]
        if wrong:
            return problem(400, "Bad Request", **{"validation-errors": wrong})
        made = [create(dict(item)) | {"request_id": item.get("request_id", "0")} for item in items]
        return ApiAnswer(200, {"_embedded": {name: made}})

    def _new_note(self, collection: str, item: dict[str, Any]) -> dict[str, Any]:
        self.account.cut(item)
        number = self.note(collection, item["entity_id"], created_by=OWN, params=item["params"])
        return {"id": number, "entity_id": item["entity_id"]}

    def _new_task(self, item: dict[str, Any]) -> dict[str, Any]:
        self.account.cut(item)
        number = next(self._ids)
        item.pop("request_id", None)
        state = {"id": number, "is_completed": False, "result": [], "created_by": OWN}
        self.account.tasks[number] = item | state | {"created_at": int(self.now().timestamp())}
        return {"id": number}

    def _card_errors(self, collection: str, item: Mapping[str, Any]) -> list[dict[str, str]]:
        if item.get("entity_id") in self.account.cards[collection]:
            return []
        return [{"code": "NotSupportedChoice", "path": "entity_id", "detail": "Entity not found"}]

    def _task_errors(self, item: Mapping[str, Any]) -> list[dict[str, str]]:
        errors = self._card_errors(item.get("entity_type", "leads"), item)
        if not item.get("text") or not isinstance(item.get("complete_till"), int):
            errors.append({"code": "FieldMissing", "path": "text", "detail": "This field is missing."})
        if item.get("responsible_user_id") not in self.account.users:
            errors.append({"code": "NotSupportedChoice", "path": "responsible_user_id", "detail": "Not valid."})
        return errors

    def _patched(self, items: list[dict[str, Any]], *, single: bool) -> ApiAnswer:
        if any(item["id"] not in self.account.tasks for item in items):
            return problem(404, "Not Found")
        for item in items:
            self.account.tasks[item["id"]] |= {name: value for name, value in item.items() if name != "id"}
        made = [{"id": item["id"], "updated_at": int(self.now().timestamp())} for item in items]
        return ApiAnswer(200, made[0] if single else {"_embedded": {"tasks": made}})


# --- details ---------------------------------------------------------------------------------------


def problem(status: int, title: str, **more: Any) -> ApiAnswer:
    data = {"title": title, "type": f"https://httpstatus.es/{status}", "status": status, "detail": title} | more
    return ApiAnswer(status, data, _PROBLEM)


def one(record: Mapping[str, Any] | None) -> ApiAnswer:
    return ApiAnswer(204) if record is None else ApiAnswer(200, record)


def page(name: str, records: list[dict[str, Any]], query: Mapping[str, str], most: int = 250) -> ApiAnswer:
    """One page of a list; nothing at all is a 204."""
    limit, number = min(int(query.get("limit", "50")), most), int(query.get("page", "1"))
    first = (number - 1) * limit
    found = records[first : first + limit]
    if not found:
        return ApiAnswer(204)
    more = {"next": {"href": "…"}} if len(records) > first + limit else {}
    return ApiAnswer(200, {"_page": number, "_links": more, "_embedded": {name: found}})


def listed(query: Mapping[str, str], name: str) -> set[str]:
    """A filter's values: one, or a list in PHP's nesting."""
    return {value for key, value in query.items() if re.fullmatch(rf"filter\[{name}\](\[\d*\])?", key)}


def phones_of(record: Mapping[str, Any]) -> list[str]:
    fields = record["custom_fields_values"] or []
    return [value["value"] for held in fields if held["field_code"] == "PHONE" for value in held["values"]]


def _entry(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"enum_id": value["enum_id"]} if "enum_id" in value else {}


def webhook(fields: Mapping[str, object], account: int = ACCOUNT) -> bytes:
    """The body of a webhook: a form in PHP's nesting."""
    return urlencode({**fields, "account[id]": account, "account[subdomain]": "example"}).encode()
