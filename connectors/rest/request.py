"""A described request, and what goes out of it for given values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.http.json_body import encoded_json
from connectors.rest.bodies import Structure, encoded, filled, header_values, pairs, templates_in
from connectors.rest.conditions import RecordCondition, all_hold
from connectors.rest.paths import Path, as_text, records_in
from connectors.rest.template import NotRendered, TextTemplate

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it goes out; ``address`` is path and query."""

    method: str
    address: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pages:
    """How further pages of a list are asked for.

    ``by``: ``link`` (the answer holds the address of the next page at ``next``), ``cursor`` (it holds there what
    ``parameter`` must be next), ``number`` and ``offset`` (``parameter`` counts pages or records of ``size``).
    """

    by: str
    parameter: str = ""
    next: Path | None = None
    first: int = 1
    size: int | None = None
    most: int = 10


@dataclass(frozen=True, slots=True)
class Request:
    """The templates of one request."""

    path: TextTemplate
    method: str = "GET"
    query: Mapping[str, Structure] = field(default_factory=dict)
    headers: Mapping[str, Structure] = field(default_factory=dict)
    json: Structure | None = None
    form: Mapping[str, Structure] | None = None
    #: An empty answer is a good one.
    may_be_empty: bool = False

    def prepared(self, context: Mapping[str, Any], page: Mapping[str, str] | None = None) -> Prepared:
        """What goes out; ``page`` goes into the query. Raises NotRendered."""
        more = page or {}
        found = [(name, value) for name, value in pairs(self.query, context) if name not in more]
        found += more.items()
        address = self.path.text(context) + (f"?{encoded(found)}" if found else "")
        headers = header_values(self.headers, context)
        if self.form is not None:
            form = encoded(pairs(self.form, context)).encode()
            return Prepared(self.method, address, form, {"Content-Type": _FORM} | headers)
        content = None if self.json is None else _json(filled(self.json, context))
        return Prepared(self.method, address, content, headers)

    def templates(self) -> Iterator[TextTemplate]:
        """All of its templates."""
        yield self.path
        for part in (self.query, self.headers, self.json, self.form):
            yield from templates_in(part)

    def uses_name(self, name: str) -> bool:
        """Whether any of its templates refers to this placeholder."""
        return any(template.uses_name(name) for template in self.templates())


@dataclass(frozen=True, slots=True)
class RecordsShape:
    """Where an answer holds records, which of them count, and where their id is."""

    items: Path = field(default_factory=lambda: Path(""))
    id: Path = field(default_factory=lambda: Path.parse("id"))
    where: tuple[RecordCondition, ...] = ()

    def of(self, data: Any, context: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """Those that count; None where the answer holds no such list at all. Raises NotRendered."""
        found = records_in(data, self.items)
        return None if found is None else [one for one in found if all_hold(self.where, one, context)]

    def id_of(self, record: Mapping[str, Any]) -> str | None:
        """The record's id, or None where it has none."""
        value = self.id.get(dict(record))
        return (as_text(value) or None) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _json(value: Any) -> bytes:
    try:
        return encoded_json(value)
    except ValueError:
        raise NotRendered("a value cannot stand in JSON, which has no such number") from None
