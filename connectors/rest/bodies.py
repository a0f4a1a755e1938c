"""Bodies, queries and headers of a request: the structure stands first, values are filled into its leaves after.

So no value can become a key, leave its place or add another: JSON is encoded from typed values, queries and forms are
encoded pair by pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from marshmallow import ValidationError

from connectors.rest.syntax import BadTemplate, Names
from connectors.rest.template import OMIT, NotRendered, Omit, TextTemplate
from plugin.common.text import sendable

_MOST_LEAVES = 500
_DEEPEST = 20
#: What the HTTP client sets by itself, or what would change whom the request is for.
_OWN_HEADERS = frozenset({"authorization", "connection", "content-length", "cookie", "host"})
#: The header whose value is of the ``json`` of a request: some APIs take their own type of JSON only.
CONTENT_TYPE = "Content-Type"
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json(; *[\w-]+=[\w-]+)*", re.IGNORECASE)

#: A structure whose texts are templates.
Structure = Any


def structure(value: Any, names: Names, depth: int = 0) -> Structure:
    """The structure with its texts made templates. Raises ValidationError naming the keys at fault."""
    if depth > _DEEPEST:
        raise ValidationError("nested too deeply")
    if isinstance(value, str):
        return template(value, names)
    made: Structure
    if isinstance(value, dict):
        made = _each(value.items(), names, depth)
    elif isinstance(value, list):
        made = list(_each(enumerate(value), names, depth).values())
    elif value is None or isinstance(value, bool | int | float):
        return value
    else:
        raise ValidationError("neither text, number, true, false, list nor table; write a time as a text")
    if sum(1 for _ in leaves(made)) > _MOST_LEAVES:
        raise ValidationError(f"more than {_MOST_LEAVES} values")
    return made


def _each(items: Any, names: Names, depth: int) -> dict[Any, Structure]:
    made, wrong = {}, {}
    for key, inner in items:
        try:
            _check_key(key)
            made[key] = structure(inner, names, depth + 1)
        except ValidationError as error:
            wrong[key] = error.messages
    if wrong:
        raise ValidationError(wrong)
    return made


def _check_key(key: Any) -> None:
    if isinstance(key, str) and ("{{" in key or "{%" in key):
        raise ValidationError('a key is no template; write the table as one value: "{{ {card.id: 1} }}"')


def template(source: str, names: Names, *, path: bool = False) -> TextTemplate:
    """The template. Raises ValidationError."""
    try:
        return TextTemplate(source, names, path=path)
    except BadTemplate as error:
        raise ValidationError(str(error)) from None


def leaves(value: Any) -> Iterator[Any]:
    """Everything in a structure that is neither a table nor a list."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def templates_in(value: Any) -> Iterator[TextTemplate]:
    """All templates of a structure."""
    for leaf in leaves(value):
        if isinstance(leaf, TextTemplate):
            yield leaf


def filled(value: Structure, context: Mapping[str, Any]) -> Any:
    """The structure as JSON; keys and elements whose value is OMIT are left out. Raises NotRendered."""
    if isinstance(value, TextTemplate):
        return value.value(context)
    if isinstance(value, Mapping):
        inner = {key: filled(part, context) for key, part in value.items()}
        return {key: part for key, part in inner.items() if part is not OMIT}
    if isinstance(value, list):
        return [part for part in (filled(part, context) for part in value) if part is not OMIT]
    return value


def pairs(table: Mapping[str, Structure], context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs of a query or a form; None is left out, a list gives its name several times. Raises NotRendered."""
    found = []
    for name, part in table.items():
        value = filled(part, context)
        for single in value if isinstance(value, list) else [value]:
            if single is not None and not isinstance(single, Omit):
                found.append((name, _single(name, single)))
    return found


def encoded(found: list[tuple[str, str]]) -> str:
    """Pairs as a query or form is written, their texts mended."""
    return urlencode([(sendable(name), sendable(value)) for name, value in found])


def header_values(table: Mapping[str, Structure], context: Mapping[str, Any]) -> dict[str, str]:
    """Further headers. Raises NotRendered for a value that cannot stand in one."""
    found = dict(pairs(table, context))
    for name, value in found.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise NotRendered(f"the header {name} cannot hold its value: only visible ASCII can stand there")
    return {CONTENT_TYPE if name.lower() == CONTENT_TYPE.lower() else name: value for name, value in found.items()}


def check_header(name: str, value: Structure) -> None:
    """Raises ValidationError for a header that a description cannot set, or not to this value."""
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ValidationError("not the name of a header")
    if name.lower() in _OWN_HEADERS:
        raise ValidationError("not for a description to set: [auth] says how the account is proven")
    if name.lower() == CONTENT_TYPE.lower() and not (
        isinstance(value, TextTemplate) and _JSON_TYPE.fullmatch(value.source)
    ):
        raise ValidationError('only a type of JSON, such as "application/vnd.api+json": `json` and `form` set the rest')


def _single(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NotRendered(f"{name} holds a table, which cannot stand in a query or a form")
