"""A described request, and what goes out of it for given values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.http.json_body import encoded_json
from connectors.rest.bodies import CONTENT_TYPE, Structure, encoded, filled, header_values, pairs, templates_in
from connectors.rest.conditions import RecordCondition, all_hold
from connectors.rest.error_map import AnswerRule
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
    #: Whether the parameter stands in the body instead of the query.
    in_body: bool = False


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
    #: What its answers mean, before the description's own rules for all.
    answers: tuple[AnswerRule, ...] = ()

    def prepared(
        self, context: Mapping[str, Any], page: Mapping[str, str | int] | None = None, *, in_body: bool = False
    ) -> Prepared:
        """What goes out; ``page`` goes into the query or the body. Raises NotRendered."""
        body = (page or {}) if in_body else {}
        more = {} if in_body else {name: str(value) for name, value in (page or {}).items()}
        found = [(name, value) for name, value in pairs(self.query, context) if name not in more]
        found += more.items()
        address = self.path.text(context) + (f"?{encoded(found)}" if found else "")
        headers = header_values(self.headers, context)
        if self.form is not None:
            fields = [(name, value) for name, value in pairs(self.form, context) if name not in body]
            form = encoded(fields + [(name, str(value)) for name, value in body.items()]).encode()
            return Prepared(self.method, address, form, headers | {CONTENT_TYPE: _FORM})
        if self.json is None:
            headers.pop(CONTENT_TYPE, None)
            return Prepared(self.method, address, None, headers)
        return Prepared(self.method, address, _json(_with_page(filled(self.json, context), body)), headers)

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

    #: The header of the answer that ends in the written record's id, in place of ``id``.
    id_header: str | None = None

    def all_in(self, data: Any) -> list[Any] | None:
        """Every record, a bare id too where ``id`` is the record itself; None where the answer holds no list at all."""
        return records_in(data, self.items, scalars=not self.id.source)

    def of(self, data: Any, context: Mapping[str, Any]) -> list[Any] | None:
        """Those that count; None where the answer holds no such list at all. Raises NotRendered."""
        found = self.all_in(data)
        return None if found is None else [one for one in found if all_hold(self.where, one, context)]

    def id_of(self, record: Any) -> str | None:
        """The record's id, or None where it has none."""
        value = self.id.get(record)
        return (as_text(value) or None) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _with_page(value: Any, page: Mapping[str, str | int]) -> Any:
    """A JSON body with the page's parameter, ``paging.after`` being one within another."""
    for name, given in page.items():
        here = value = dict(value)
        *outer, last = name.split(".")
        for step in outer:
            here[step] = dict(here.get(step) or {})
            here = here[step]
        here[last] = given
    return value


def _json(value: Any) -> bytes:
    try:
        return encoded_json(value)
    except ValueError:
        raise NotRendered("a value cannot stand in JSON, which has no such number") from None
