"""Which field of the CRM holds which fact, and which of its values means what: ``[crm.<name>.facts]`` in plugin.toml.

    [crm.<name>.facts.<fact>]
    field = "UF_CRM_1700000001"
    values = { "45" = true, "46" = false }     # left out: the text as it is
    empty = ["44"]                             # values that mean: not asked, like an empty field

Admins map; a value that they have not mapped is an error that names it, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length

from connectors.base import NotMapped
from connectors.http.answers import log_safe
from plugin.common.text import clean

FactValue = str | bool


@dataclass(frozen=True, slots=True)
class FactField:
    """One fact's field. ``values`` None: any text is taken as it is."""

    fact: str
    field: str
    values: Mapping[str, FactValue] | None
    empty: frozenset[str]

    def read(self, value: Any) -> FactValue | None:
        """The fact's value, None where the field says nothing. Raises NotMapped."""
        written = _written(value)
        if written == "" or written in map(_cleaned, self.empty):
            return None
        if self.values is None:
            return written
        meant = {_cleaned(key): meaning for key, meaning in self.values.items()}
        if written not in meant:
            shown = log_safe(written)
            raise NotMapped(
                f"field {self.field!r} holds {shown!r}, which means nothing to the plugin yet: "
                f"map it in plugin.toml, values of the fact {self.fact!r}",
                field=self.field,
                value=shown,
                fact=self.fact,
            )
        return meant[written]


@dataclass(frozen=True, slots=True)
class FactFields:
    """All facts that a CRM's own events bring along."""

    fields: tuple[FactField, ...] = ()

    def read(self, record: Mapping[str, Any]) -> dict[str, FactValue]:
        """The facts that this record of the CRM holds. Raises NotMapped."""
        found = {item.fact: item.read(record.get(item.field)) for item in self.fields}
        return {fact: value for fact, value in found.items() if value is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """The fields to ask the CRM for."""
        return tuple(dict.fromkeys(item.field for item in self.fields))

    def facts(self) -> dict[str, frozenset[FactValue] | None]:
        """What ``Connector.facts`` returns."""
        return {item.fact: None if item.values is None else frozenset(item.values.values()) for item in self.fields}


#: Of an account that declares none.
NO_FIELDS = FactFields()


class _FactTable(Schema):
    field = fields.String(required=True, validate=Length(min=1))
    values = fields.Dict(keys=fields.String(validate=Length(min=1)), values=fields.Raw(), validate=Length(min=1))
    empty = fields.List(fields.String(), load_default=list)


class FactsTable(fields.Dict):
    """The setting ``facts`` of an account; loads as ``FactFields``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(validate=Length(min=1)),
            values=fields.Nested(_FactTable),
            load_default=FactFields(),
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        tables: dict[str, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        wrong = {
            name: {"values": {key: ["allowed: text, true or false"]}}
            for name, table in tables.items()
            for key, meant in (table.get("values") or {}).items()
            if not isinstance(meant, str | bool) or meant == ""
        }
        if wrong:
            raise ValidationError(wrong)
        return FactFields(
            tuple(
                FactField(name, table["field"], table.get("values"), frozenset(table["empty"]))
                for name, table in tables.items()
            )
        )


def _written(value: Any) -> str:
    """A CRM's value as the mapping spells it: true and false in lower case, a list of one as its only element."""
    if isinstance(value, list):
        return _written(value[0]) if len(value) == 1 else ", ".join(_written(part) for part in value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _cleaned(str(value))


def _cleaned(text: str) -> str:
    """Two spellings that look the same are the same: composed letters, invisible characters, blanks at the ends."""
    return clean(text, multiline=True).text
