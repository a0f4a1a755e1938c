"""Values that stand in a text of another language, such as ``lastname eq '{{ word }}'``, and are not quoted for it.

Such a text is known by its quotes: a value between two quotes of its fixed text; and, in a query or a form, by a
comparison right before the value. A filter tells of which language it is, or that it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from connectors.rest.places import Place, requests_at, templates_at
from connectors.rest.template import TextTemplate

#: After these a value cannot leave its place; ``text`` says that the quotes are mere punctuation.
_QUOTED = frozenset({"odata", "soql", "sql", "like", "replace", "html_attribute", "text"})
#: What these make holds no quote.
_HARMLESS = frozenset({"digits", "e164", "int", "unix", "date", "local", "utc"})
_SAME = frozenset({"lower", "upper", "trim"})
#: Placeholders whose values the plugin or the description itself has made.
_OWN = frozenset(
    {"key", "mark", "ref", "notation", "phone", "number", "e164", "request_id", "due", "now"}
    | {"constants", "omit", "_zone"}
)
_OWN_OF_CARD = frozenset({"type", "collection"})
_COMPARED = re.compile(r"(?:[=<>]|\b(?:eq|ne|gt|ge|lt|le|like|in)|:[a-z=<>!]+:)\s*[(%]*\Z", re.IGNORECASE)
_REMEDY = (
    "quote it for its language (odata, soql, sql, like, replace), take its digits (int, digits), "
    "or say by | text that this is no query"
)


@dataclass(frozen=True, slots=True)
class _Value:
    """A placeholder among fixed text, and whether it can change what surrounds it."""

    shown: str
    is_safe: bool


def faults(settings: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every value that could change the query it stands in, with its place."""
    for place, request in requests_at(settings):
        for part in ("path", "query", "headers", "json", "form"):
            for where, template in templates_at(getattr(request, part), (*place, part)):
                found = _unquoted(template, compares=part in ("query", "form"))
                if found is not None:
                    yield where, f"{found.shown} stands in a query in {template.source!r}: {_REMEDY}"


def _unquoted(template: TextTemplate, *, compares: bool) -> _Value | None:
    pieces = [piece for node in template.tree.body for piece in _pieces(node)]
    fixed = "".join(piece if isinstance(piece, str) else "\0" for piece in pieces)
    quoted = _quoted_places(fixed)
    place = 0
    for piece in pieces:
        if isinstance(piece, str):
            place += len(piece)
            continue
        if not piece.is_safe and (place in quoted or (compares and _COMPARED.search(fixed[:place]))):
            return piece
        place += 1
    return None


def _quoted_places(fixed: str) -> set[int]:
    """The places of values between two quotes; an apostrophe within a word is none."""
    inside: set[int] = set()
    opened = None
    for place, char in enumerate(fixed):
        if char not in "'\"" or (opened is not None and char != fixed[opened]):
            continue
        if opened is not None:
            inside |= {at for at in range(opened, place) if fixed[at] == "\0"}
            opened = None
        elif not (fixed[place - 1 : place].isalnum() and fixed[place + 1 : place + 2].isalnum()):
            opened = place
    return inside


def _pieces(node: nodes.Node) -> Iterator[str | _Value]:
    for inner in _alternatives(node):
        yield from _pieces(inner)
    match node:
        case nodes.Output() | nodes.Concat() | nodes.CondExpr() | nodes.Or() | nodes.And():
            return
        case nodes.TemplateData():
            yield node.data
        case nodes.Const():
            yield str(node.value)
        case nodes.Getitem():
            # A part of a value is no better and no worse than the whole.
            yield from _pieces(node.node)
        case nodes.Filter():
            yield from _filtered(node)
        case nodes.Getattr(node=nodes.Name(name=name)):
            yield _Value(f"{name}.{node.attr}", name in _OWN or (name == "card" and node.attr in _OWN_OF_CARD))
        case nodes.Name():
            yield _Value(node.name, node.name in _OWN)
        case _:
            yield _Value("a value", is_safe=False)


def _alternatives(node: nodes.Node) -> Sequence[nodes.Node]:
    """The parts of a text one after the other, and of alternatives each."""
    match node:
        case nodes.Output() | nodes.Concat():
            return list(node.nodes)
        case nodes.CondExpr():
            return [node.expr1] + ([node.expr2] if node.expr2 is not None else [])
        case nodes.Or() | nodes.And():
            return [node.left, node.right]
    return []


def _filtered(node: nodes.Filter) -> Iterator[str | _Value]:
    inner = list(_pieces(node.node)) if node.node is not None else []
    if node.name in _SAME:
        yield from inner
        return
    name = next((one.shown for one in inner if isinstance(one, _Value)), "a value")
    own = all(isinstance(one, str) or one.is_safe for one in inner)
    yield _Value(name, node.name in _QUOTED | _HARMLESS or (own and node.name not in ("json", "cut")))
