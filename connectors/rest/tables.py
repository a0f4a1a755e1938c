"""The schemas of a description's tables. Each loads as its record of ``connectors.rest.model``.

A fault names its key; an unknown placeholder or key suggests the closest there is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import OneOf, Range

from connectors.http.settings import count
from connectors.rest import model, placeholders
from connectors.rest.bodies import CONTENT_TYPE
from connectors.rest.error_map import MEANINGS, WAITING, AnswerRule
from connectors.rest.fields import (
    AfterField,
    ConditionsField,
    HeadersField,
    IdField,
    PairsField,
    PathField,
    PathsField,
    StructureField,
    TemplateField,
    words,
)
from connectors.rest.paths import Path
from connectors.rest.request import Pages, RecordsShape, Request
from connectors.rest.syntax import Names

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_REQUEST = ("path", "method", "query", "headers", "json", "form", "may_be_empty", "answers")
_ROOT = Path("")

Build = Callable[[dict[str, Any]], Any]


class _Table(Schema):
    """A table that loads as what ``build`` makes of it."""

    build: ClassVar[Build]

    @validates_schema
    def _check_request(self, data: Mapping[str, Any], **_: Any) -> None:
        if "json" in data and "form" in data:
            raise ValidationError({"form": ["given with json: a request has one body"]})
        if ("json" in data or "form" in data) and data.get("method", "GET") == "GET":
            body = "json" if "json" in data else "form"
            raise ValidationError({body: ["a GET has no body: set method"]})

    @post_load
    def _built(self, data: dict[str, Any], **_: Any) -> Any:
        return type(self).build(data)


def table(build: Build, **given: Any) -> fields.Nested:
    """A nested table with these fields."""
    options = {key: given.pop(key) for key in ("required", "load_default") if key in given}
    schema = _Table.from_dict(given)
    schema.build = staticmethod(build)  # type: ignore[attr-defined]
    return fields.Nested(schema, **options)


def check_effect(data: Mapping[str, Any], used: Collection[str], where: str) -> None:
    """Raise ValidationError for a given key that is not used there: who wrote it believes that it does something."""
    stray = {key: [f"has no effect {where}"] for key in data if key not in used}
    if stray:
        raise ValidationError(stray)


def request_fields(of: Names, *, required: bool = True, writes: bool = False) -> dict[str, fields.Field[Any]]:
    """The fields of a request; only to one that ``writes`` may an empty answer be a good one."""
    empty = {"may_be_empty": fields.Boolean(truthy={True}, falsy={False})} if writes else {}
    return {
        "path": TemplateField(of, path=True, required=required),
        "method": fields.String(validate=OneOf(_METHODS)),
        "query": PairsField(of),
        "headers": HeadersField(of),
        "json": StructureField(of),
        "form": PairsField(of),
        "answers": fields.List(rule_table()),
        **empty,
    }


def request_of(data: dict[str, Any]) -> Request:
    """The request's keys taken out of a loaded table."""
    given = {key: data.pop(key) for key in _REQUEST if key in data}
    for name in given.get("headers", ()):
        if name.lower() == CONTENT_TYPE.lower() and "json" not in given:
            raise ValidationError({"headers": {name: ["has no effect without json"]}})
    return Request(**given | {"answers": tuple(given.get("answers", ()))})


def _records_fields(of: Names) -> dict[str, fields.Field[Any]]:
    return {"items": PathField(), "id": PathField(), "where": ConditionsField(placeholders.with_record(of))}


def _records(data: dict[str, Any]) -> RecordsShape:
    return RecordsShape(**{key: data.pop(key) for key in ("items", "id", "where") if key in data})


#: What each way needs, and what it may have.
_PAGE_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "link": (("next",), ()),
    "cursor": (("next", "parameter"), ()),
    "number": (("parameter",), ("first", "size")),
    "offset": (("parameter", "size"), ()),
}


def _checked_pages(data: dict[str, Any]) -> Pages:
    needs, may = _PAGE_KEYS[data["by"]]
    for key in needs:
        if key not in data:
            raise ValidationError({key: [f"missing: pages by {data['by']} need it"]})
    if data["by"] == "link" and data["place"] == "body":
        raise ValidationError({"place": ["has no effect with pages by link"]})
    check_effect(data, {"by", "most", "place", *needs, *may}, f"with pages by {data['by']}")
    in_body = data.pop("place") == "body"
    return Pages(**data, in_body=in_body)


def _pages() -> fields.Nested:
    return table(
        _checked_pages,
        by=fields.String(required=True, validate=OneOf(("link", "cursor", "number", "offset"))),
        parameter=words(),
        place=fields.String(load_default="query", validate=OneOf(("query", "body"))),
        next=PathField(),
        first=fields.Integer(strict=True, validate=Range(min=0, max=1)),
        size=fields.Integer(strict=True, validate=Range(min=1, max=10_000)),
        most=count(10, 100),
    )


def find_fields(of: Names) -> dict[str, Any]:
    """The fields of a table that looks for records."""
    return {**request_fields(of), **_records_fields(of), "pages": _pages()}


def find_of(data: dict[str, Any]) -> model.Find:
    """What such a table loads as."""
    pages = data.get("pages")
    if pages is not None and pages.in_body and "json" not in data and "form" not in data:
        raise ValidationError({"pages": {"place": ["there is no body: give json or form"]}})
    return model.Find(request_of(data), _records(data), data.pop("pages", None))


# --- writing -----------------------------------------------------------------------------------------


def _verify(data: dict[str, Any]) -> model.Verify:
    if "path" not in data:
        stray = [key for key in _REQUEST if key in data]
        if stray:
            raise ValidationError({stray[0]: ["given without path"]})
        return model.Verify(data["expect"], None, data.get("record", _ROOT))
    return model.Verify(data["expect"], request_of(data), data.get("record", _ROOT))


def _create(data: dict[str, Any]) -> model.Create:
    verify, require = data.pop("verify", None), data.pop("require", None)
    request = request_of(data)
    if "id" not in data and ("items" in data or data.get("where")):
        raise ValidationError({"id": ["missing: where is the id of the record in the answer?"]})
    if isinstance(data.get("id"), str):
        if "items" in data or data.get("where"):
            raise ValidationError({"id": ["a header is given: items and where have no effect"]})
        # Who answers by a header has nothing to say in the body.
        request, header = replace(request, may_be_empty=True), data["id"]
        return model.Create(request, RecordsShape(id_header=header), verify, require)
    return model.Create(request, _records(data) if "id" in data else None, verify, require)


def create_table(of: Names, **options: Any) -> fields.Nested:
    """``[comment]``, ``[reminder]``, ``[email]``."""
    again = placeholders.with_id(of)
    verify = table(
        _verify,
        **request_fields(again, required=False),
        record=PathField(),
        expect=ConditionsField(placeholders.with_record(again), problems=True, required=True),
    )
    fields_of_one = {
        **request_fields(of, writes=True),
        **_records_fields(of),
        "id": IdField(),
        "verify": verify,
        "require": check_table(),
    }
    return table(_create, **fields_of_one, **options)


def find_table() -> fields.Nested:
    """``[find.<kind>]``."""

    def build(data: dict[str, Any]) -> model.Find:
        return replace(find_of(data), whole=data["whole"])

    return table(
        build, **find_fields(placeholders.FIND), whole=ConditionsField(placeholders.with_record(placeholders.FIND))
    )


def withdraw_table() -> fields.Nested:
    """``[withdraw]``."""
    return table(request_of, **request_fields(placeholders.WITHDRAW, writes=True), required=True)


def remove_table() -> fields.Nested:
    """``[remove.<kind>]``."""
    return table(request_of, **request_fields(placeholders.REMOVE, writes=True))


def _state(data: dict[str, Any]) -> model.ReminderTable:
    told = {name: data.get(name) for name in ("person", "due", "done_by", "done_at")}
    return model.ReminderTable(request_of(data), data.get("record", _ROOT), data["done"], data["missing"], **told)


def state_table() -> fields.Nested:
    """``[reminder_state]``."""
    return table(
        _state,
        **request_fields(placeholders.STATE),
        record=PathField(),
        done=ConditionsField(placeholders.with_record(placeholders.STATE), required=True),
        missing=ConditionsField(placeholders.with_record(placeholders.STATE)),
        person=PathField(),
        due=PathField(),
        done_by=PathField(),
        done_at=PathField(),
        required=True,
    )


def states_table() -> fields.Nested:
    """``[reminder_states]``."""

    def build(data: dict[str, Any]) -> model.ReminderList:
        most, request = data.pop("most"), request_of(data)
        if not request.uses_name("ids"):
            raise ValidationError({"path": ["no template names ids: of which reminders is it?"]})
        return model.ReminderList(request, _records(data), most)

    of = placeholders.STATES
    return table(build, **request_fields(of), **_records_fields(of), most=count(50, 1_000), load_default=None)


# --- cards and contacts ------------------------------------------------------------------------------


def _shape_fields() -> dict[str, fields.Field[Any]]:
    of = placeholders.with_record(placeholders.NOTHING)
    return {"name": TemplateField(of), "phones": PathsField(), "emails": PathsField(), "url": TemplateField(of)}


def _shape(data: dict[str, Any]) -> model.Shape:
    return model.Shape(**{key: data.pop(key) for key in ("name", "phones", "emails", "url") if key in data})


def card_table() -> fields.Nested:
    """``[card.<type>]``."""

    def build(data: dict[str, Any]) -> model.CardTable:
        return model.CardTable(request_of(data), data.get("collection", ""), data.get("record", _ROOT), _shape(data))

    return table(
        build, **request_fields(placeholders.CARD), **_shape_fields(), collection=fields.String(), record=PathField()
    )


def contacts_table(of: Names) -> fields.Nested:
    """``[contact_by_phone]``, ``[contact_by_name]``."""

    def build(data: dict[str, Any]) -> model.Contacts:
        return model.Contacts(find_of(data), data["type"], _shape(data))

    return table(build, **find_fields(of), **_shape_fields(), type=words(required=True), load_default=None)


# --- checking ----------------------------------------------------------------------------------------


def check_table(of: Names = placeholders.NOTHING) -> fields.Nested:
    """``[[check]]``; ``of``: what its request may name."""

    def build(data: dict[str, Any]) -> model.CheckPoint:
        return model.CheckPoint(data["name"], request_of(data), data["expect"], data["remedy"])

    expect = ConditionsField(placeholders.with_record(of))
    return table(
        build,
        **request_fields(of),
        name=words(required=True),
        expect=expect,
        remedy=words(required=True),
    )


def person_table() -> fields.Nested:
    """``[person]``."""

    def build(data: dict[str, Any]) -> model.PersonTable:
        return model.PersonTable(find_of(data), data.get("address"), data["remedy"])

    return table(
        build, **find_fields(placeholders.PERSON), address=PathField(), remedy=words(required=True), load_default=None
    )


# --- answers -----------------------------------------------------------------------------------------


def rule_table() -> fields.Nested:
    """``[[answers]]``."""

    def build(data: dict[str, Any]) -> AnswerRule:
        if not data["status"] and not data["when"]:
            raise ValidationError({"when": ["missing: a rule looks at the status, at the answer, or at both"]})
        if data["after"] is not None and data["means"] not in WAITING:
            raise ValidationError({"after": [f"has no effect where an answer means {data['means']}"]})
        return AnswerRule(data["means"], tuple(data["status"]), data["when"], data["after"])

    status = fields.Integer(strict=True, validate=Range(min=200, max=599))
    return table(
        build,
        means=fields.String(required=True, validate=OneOf(MEANINGS)),
        status=fields.List(status, load_default=list),
        when=ConditionsField({}),
        after=AfterField(load_default=None),
    )


def error_table() -> fields.Nested:
    """``[error]``."""
    return table(lambda data: data, code=PathsField(load_default=()), message=PathsField(load_default=()))
