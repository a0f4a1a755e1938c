"""A dialler's table in plugin.toml: where its list is, how it writes numbers, and its three requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema
from marshmallow.validate import OneOf

from connectors.http.settings import HttpAccount
from connectors.kit.notation import NumberNotation
from connectors.rest import model, placeholders, profiles, quoting, samples
from connectors.rest.defaults import defaults_table
from connectors.rest.fields import ConditionsField, PathField, words
from connectors.rest.paths import Path
from connectors.rest.places import merged, nested
from connectors.rest.request import Request
from connectors.rest.settings import account_secret, auth_faults, auth_table, constant_faults, template_faults
from connectors.rest.tables import error_table, find_fields, find_of, request_fields, request_of, rule_table, table

PROFILES = files("connectors.dialler") / "profiles"


@dataclass(frozen=True, slots=True)
class EntryTable:
    """How a number is looked for. ``phone``: where an entry shows its number, which is compared then."""

    find: model.Find
    phone: Path | None


def _entry_table() -> fields.Nested:
    """``[has]``."""

    def build(data: dict[str, Any]) -> EntryTable:
        phone = data.pop("phone", None)
        return EntryTable(find_of(data), phone)

    return table(build, **find_fields(placeholders.NUMBER), phone=PathField(), required=True)


def _write_table(of: Mapping[str, Any]) -> fields.Nested:
    """``[add]``, ``[remove]``."""
    return table(request_of, **request_fields(of, writes=True), required=True)


def _check_table() -> fields.Nested:
    """``[[check]]``."""

    def build(data: dict[str, Any]) -> model.CheckPoint:
        return model.CheckPoint(data["name"], request_of(data), data["expect"], data["remedy"])

    return table(
        build,
        **request_fields(placeholders.REQUEST),
        name=words(required=True),
        expect=ConditionsField(placeholders.with_record(placeholders.REQUEST)),
        remedy=words(required=True),
    )


class DiallerSettings(HttpAccount):
    """The account and the description of its list; without ``profile`` the description stands there in full."""

    profile = words(load_default=None, allow_none=True)
    number = fields.String(
        load_default=NumberNotation.E164.value, validate=OneOf([one.value for one in NumberNotation])
    )
    token = account_secret()
    password = account_secret()
    client_secret = account_secret()
    refresh_token = account_secret()
    auth = auth_table()
    time_zone = words(load_default=None, allow_none=True)
    defaults = defaults_table()
    constants = fields.Dict(keys=words(), values=fields.Raw(), load_default=dict)
    answers = fields.List(rule_table(), load_default=list)
    error = error_table()
    has = _entry_table()
    add = _write_table(placeholders.NUMBER)
    remove = _write_table(placeholders.NUMBER_ENTRY)
    check = fields.List(_check_table(), load_default=list)

    @pre_load
    def _over_profile(self, data: Any, **_: Any) -> Any:
        name = data.get("profile") if isinstance(data, Mapping) else None
        if not isinstance(name, str):
            return data
        try:
            return profiles.over_profile(name, data, PROFILES)
        except ValueError as error:
            raise ValidationError({"profile": [str(error)]}) from None

    @validates_schema
    def _check_whole(self, data: Mapping[str, Any], *, partial: Any = None, **_: Any) -> None:
        unresolved = frozenset(partial) if isinstance(partial, tuple | list | set) else frozenset()
        wrong: dict[str, Any] = {}
        found = (*auth_faults(data, unresolved), *constant_faults(data), *template_faults(data), *_faults(data))
        for key, what in found:
            wrong.setdefault(key, what)
        if not wrong:
            for place, said in (*quoting.faults(data), *samples.faults(data)):
                wrong = merged(wrong, nested(place, said))
        if wrong:
            raise ValidationError(wrong)


def _faults(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A request that names no number would do the same for all of them."""
    for key in ("has", "add", "remove"):
        request: Request = data[key].find.request if key == "has" else data[key]
        named = ("number", "e164", "notations", *(("id",) if key == "remove" else ()))
        if not any(request.uses_name(name) for name in named):
            yield key, [f"no template names {' or '.join(named)}: of which number is it?"]
