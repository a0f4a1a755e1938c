"""The CRM's HTTP API: JSON in and out, lists in pages, errors as ``{"error": {"code", "message", "fields"}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest

from connectors.embedded.crm import records, schemas
from connectors.embedded.crm.app import Crm
from connectors.embedded.crm.faults import KINDS, FaultInjector
from connectors.embedded.crm.mail import show_mail
from connectors.embedded.crm.webhook import show_call

_PAGE = 50
_LARGEST_PAGE = 200


def api(crm: Crm) -> Blueprint:
    """Everything under ``/api/v1``."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")

    @routes.get("/me")
    def me() -> Response:
        faulty = crm.options.faults is not None
        return jsonify({"crm": "embedded", "mail": crm.mail.kind, "webhook": crm.calls.reports, "faults": faulty})

    _add_users(routes, crm)
    _add_cards(routes, crm)
    _add_reminders(routes, crm)
    _add_mails(routes, crm)
    _add_calls(routes, crm)
    return routes


def _add_users(routes: Blueprint, crm: Crm) -> None:
    @routes.post("/users")
    def create_user() -> tuple[Response, int]:
        user = _given(schemas.NewUser())
        with crm.store.transaction() as db:
            return _created(records.add_user(db, user))

    # Their ids are words, so the pages go by the order they were added in.
    _add_reads(routes, crm, "users", records.show_user, table="(SELECT rowid AS number, * FROM users)")


def _add_cards(routes: Blueprint, crm: Crm) -> None:
    @routes.post("/cards")
    def create_card() -> tuple[Response, int]:
        card = _given(schemas.NewCard())
        with crm.store.transaction() as db:
            return _created(records.add_card(db, card, crm.options.now()))

    @routes.get("/cards")
    def list_cards() -> Response:
        where = records.cards_where(request.args.get("phone"), request.args.get("name"))
        return _list(crm, "cards", records.show_card, where)

    @routes.get("/cards/<card_id>")
    def read_card(card_id: str) -> Response:
        with crm.store.reading() as db:
            return jsonify(records.show_card(db, records.card_row(db, card_id)))

    @routes.patch("/cards/<card_id>")
    def change_card(card_id: str) -> Response:
        changes = _given(schemas.ChangedCard())
        with crm.store.transaction() as db:
            return jsonify(records.change_card(db, card_id, changes["more"]))

    @routes.get("/card-fields")
    def list_card_fields() -> Response:
        with crm.store.reading() as db:
            return jsonify({"items": records.card_fields(db)})

    @routes.post("/cards/<card_id>/comments")
    def create_comment(card_id: str) -> tuple[Response, int]:
        comment = _given(schemas.NewComment())
        with crm.store.transaction() as db:
            return _created(records.add_comment(db, card_id, comment, crm.options.now()))

    @routes.get("/cards/<card_id>/comments")
    def list_comments_of_card(card_id: str) -> Response:
        with crm.store.reading() as db:
            card = records.card_row(db, card_id)["id"]
        return _list(crm, "comments", records.show_comment, {"card = ?": card})

    _add_reads(routes, crm, "comments", records.show_comment, "external_key", "card")


def _add_reminders(routes: Blueprint, crm: Crm) -> None:
    @routes.post("/reminders")
    def create_reminder() -> tuple[Response, int]:
        reminder = _given(schemas.NewReminder())
        with crm.store.transaction() as db:
            written = records.add_reminder(db, reminder, crm.options.now())
            if reminder["email"]:
                mail = {"user": reminder["assignee"], "address": None, "external_key": None}
                crm.mail.add(db, mail | {name: reminder[name] for name in ("subject", "text")}, written["id"])
        crm.mail.queue.wake()
        return _created(written)

    @routes.put("/reminders/<reminder_id>/withdrawal")
    def withdraw_reminder(reminder_id: str) -> Response:
        withdrawal = _given(schemas.Withdrawal())
        with crm.store.transaction() as db:
            return jsonify(records.withdraw(db, reminder_id, withdrawal, crm.options.now()))

    @routes.put("/reminders/<reminder_id>/done")
    def finish_reminder(reminder_id: str) -> Response:
        with crm.store.transaction() as db:
            return jsonify(records.finish(db, reminder_id, crm.options.now()))

    filters = ("external_key", "card", "assignee", "state")
    _add_reads(routes, crm, "reminders", records.show_reminder, *filters, states=("open", "done", "withdrawn"))


def _add_mails(routes: Blueprint, crm: Crm) -> None:
    @routes.post("/mails")
    def create_mail() -> tuple[Response, int]:
        mail = _given(schemas.NewMail())
        with crm.store.transaction() as db:
            written = crm.mail.add(db, mail)
        crm.mail.queue.wake()
        return _created(written)

    _add_reads(routes, crm, "mails", show_mail, "external_key", "address", "user", "state")


def _add_calls(routes: Blueprint, crm: Crm) -> None:
    @routes.post("/calls")
    def create_call() -> tuple[Response, int]:
        call = _given(schemas.NewCallRecord())
        with crm.store.transaction() as db:
            written = crm.calls.add(db, call)
        crm.calls.queue.wake()
        return _created(written)

    @routes.patch("/calls/<call_id>")
    def change_call(call_id: str) -> Response:
        changes = _given(schemas.ChangedCall(), partial=True)
        with crm.store.transaction() as db:
            written = crm.calls.change(db, call_id, changes)
        crm.calls.queue.wake()
        return jsonify(written)

    _add_reads(routes, crm, "calls", show_call, "card", table="calls", since="changed_at")


def fault_control(faults: FaultInjector) -> Blueprint:
    """``/faults``: what is to go wrong (PUT), how often it has (GET), and an end of it (DELETE)."""
    routes = Blueprint("faults", __name__, url_prefix="/faults")

    @routes.put("")
    def plan() -> Response:
        given = _given(schemas.FaultPlan())
        for index, fault in enumerate(given["faults"]):
            if fault["kind"] not in KINDS:
                raise ValidationError({"faults": {index: {"kind": [f"Expected one of: {', '.join(KINDS)}."]}}})
        faults.plan(given["faults"], given["seed"])
        return jsonify({"faults": faults.state()})

    @routes.get("")
    def state() -> Response:
        return jsonify({"faults": faults.state()})

    @routes.delete("")
    def end() -> Response:
        faults.plan([], None)
        return jsonify({"faults": []})

    return routes


# --- details ---------------------------------------------------------------------------------------


def _given(schema: Schema, *, partial: bool = False) -> dict[str, Any]:
    """The request's JSON object, checked. Raises ValidationError (422) and BadRequest (400)."""
    try:
        body = request.get_json(force=True)
    except (RecursionError, UnicodeError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    loaded: dict[str, Any] = schema.load(body, partial=partial)
    # With ``partial`` the defaults of absent fields are not changes.
    return {name: value for name, value in loaded.items() if not partial or name in body}


def _created(record: records.Record) -> tuple[Response, int]:
    return jsonify(record), 201


def _add_reads(
    routes: Blueprint,
    crm: Crm,
    collection: str,
    show: records.Show,
    *filters: str,
    table: str | None = None,
    states: Sequence[str] = (),
    since: str | None = None,
) -> None:
    """A collection's list, filtered by these columns and from a moment in the column ``since``, and its single records.

    With ``table`` the ids are words, and pages go by its column ``number``.
    """

    def list_records() -> Response:
        where = _filters(*filters) | _since(since) | _among()
        if states and where.get("state = ?", states[0]) not in states:
            raise ValidationError({"state": [f"Expected one of: {', '.join(states)}."]})
        return _list(crm, table or collection, show, where, key="number" if table else "id")

    def read_record(record_id: str) -> Response:
        with crm.store.reading() as db:
            wanted = record_id if table else records.number(record_id)
            return jsonify(show(db, records.one(db, f"SELECT * FROM {collection} WHERE id = ?", wanted)))

    routes.add_url_rule(f"/{collection}", f"list_{collection}", list_records)
    routes.add_url_rule(f"/{collection}/<record_id>", f"read_{collection}", read_record)


def _filters(*columns: str) -> dict[str, object]:
    return {f"{column} = ?": request.args[column] for column in columns if request.args.get(column)}


def _among() -> dict[str, object]:
    """``ids``, several with commas between them, as a condition; what is no number is no record's."""
    given = request.args.get("ids")
    if not given:
        return {}
    numbers = [int(one) for one in given.split(",") if one.isascii() and one.isdigit()]
    return {"id IN (SELECT value FROM json_each(?))": json.dumps(numbers)}


def _since(column: str | None) -> dict[str, object]:
    """``changed_since`` as a condition. Raises ValidationError."""
    given = request.args.get("changed_since")
    if column is None or not given:
        return {}
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValidationError({"changed_since": ["Expected a time with its offset (RFC 3339)."]})
    return {f"{column} >= ?": records.stamp(moment)}


def _list(crm: Crm, table: str, show: records.Show, where: Mapping[str, object], *, key: str = "id") -> Response:
    limit = _number_given("limit", _PAGE)
    if not 1 <= limit <= _LARGEST_PAGE:
        raise ValidationError({"limit": [f"Expected 1 to {_LARGEST_PAGE}."]})
    page = records.ListPage(_number_given("after", 0), limit)
    with crm.store.reading() as db:
        return jsonify(records.listed(db, table, show, where, page, key=key))


def _number_given(name: str, default: int) -> int:
    given = request.args.get(name)
    if given is None:
        return default
    try:
        return records.number(given)
    except records.NoSuchRecord:
        raise ValidationError({name: ["Expected a whole number."]}) from None
