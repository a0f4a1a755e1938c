"""A dialler's table in plugin.toml: where its list is, how it writes numbers, and its three requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from connectors.kit.notation import NumberNotation
from connectors.rest import model, placeholders
from connectors.rest.described import DescribedAccount
from connectors.rest.fields import PathField
from connectors.rest.paths import Path
from connectors.rest.request import Request
from connectors.rest.tables import check_table, find_fields, find_of, request_fields, request_of, table

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


class DiallerSettings(DescribedAccount):
    """The account and the description of its list."""

    profiles_folder = PROFILES

    number = fields.String(
        load_default=NumberNotation.E164.value, validate=OneOf([one.value for one in NumberNotation])
    )
    has = _entry_table()
    add = _write_table(placeholders.NUMBER)
    remove = _write_table(placeholders.NUMBER_ENTRY)
    check = fields.List(check_table(placeholders.REQUEST), load_default=list)

    def _faults(self, data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
        """A request that names no number would do the same for all of them."""
        for key in ("has", "add", "remove"):
            request: Request = data[key].find.request if key == "has" else data[key]
            named = ("number", "e164", "notations", *(("id",) if key == "remove" else ()))
            if not any(request.uses_name(name) for name in named):
                yield key, [f"no template names {' or '.join(named)}: of which number is it?"]
