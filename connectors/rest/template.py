"""Templates of a description: placeholders, filters and conditions, nothing that runs long, grows or reaches Python.

A template is checked when the description is read: its syntax, its placeholders, its filters. Rendering gives a typed
value where the template is one placeholder alone (``"{{ due }}"``), else a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.sandbox import SandboxedEnvironment

from connectors.http.address import segment
from connectors.rest.filters import FILTERS, LOCAL, Anything
from connectors.rest.syntax import Names, check_names, check_nodes, check_path, parsed, uses

_LONGEST_RESULT = 1_000_000
#: A path's text goes out percent-quoted, whatever letters it is written in.
_IN_ADDRESSES = "-._~!$&'()*+,;=:@%/"


class Omit:
    """Stands for a key that is to be left out of a body, a query or a form."""


OMIT = Omit()


class NotRendered(ValueError):
    """A template that has no value for what it was given; the message holds none of that."""


class NoAddress(NotRendered):
    """An id that can stand in no address, so that it is no record's."""


class _Sandbox(SandboxedEnvironment):
    """Attributes and items are looked up in JSON alone, never in Python objects."""

    def __init__(self, finalize: Any) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=finalize, keep_trailing_newline=True)
        self.filters = dict(FILTERS)
        self.tests = {}
        self.globals = {}

    def getattr(self, obj: Any, attribute: str) -> Any:
        found = self.getitem(obj, attribute)
        # An attribute stands in the template itself, so its name is no personal data.
        return self.undefined(hint=f"there is no {attribute!r}") if isinstance(found, Undefined) else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined | Anything):
            return obj
        if isinstance(argument, slice) and isinstance(obj, str | list | tuple):
            return obj[argument]
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        numbered = isinstance(argument, int) and isinstance(obj, str | list | tuple)
        if numbered and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(hint="there is no such element")

    def call(self, *_: Any, **__: Any) -> Any:
        raise NotRendered("nothing can be called in a template")


def _as_text(value: Any) -> str:
    """What a placeholder among other text becomes."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Omit):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Undefined):
        # Says by itself what was missing.
        return str(value)
    raise NotRendered("a list or a table cannot stand in a text")


def _as_segment(value: Any) -> str:
    """What a placeholder in a path becomes: one part of it, whatever it holds."""
    try:
        return segment(_as_text(value))
    except ValueError as error:
        raise NoAddress(str(error)) from None


_TEXTS = _Sandbox(_as_text)
_PATHS = _Sandbox(_as_segment)


class TextTemplate:
    """A checked template. ``uses`` are its placeholders, ``names`` those that it may have, ``tree`` what it is made of.

    ``local``: whether it asks for the account's time zone.
    """

    def __init__(self, source: str, names: Names, *, path: bool = False) -> None:
        """Raises BadTemplate."""
        self.source = source
        environment = _PATHS if path else _TEXTS
        self.tree = tree = parsed(environment, source)
        check_nodes(tree)
        self.names = names
        self.is_path = path
        self.uses = frozenset(uses(tree))
        check_names(tree, names)
        self.local = any(node.name in LOCAL for node in tree.find_all(nodes.Filter))
        if path:
            check_path(tree)
        self._expression = None
        self._template = environment.from_string(source)
        if not path and _is_alone(tree):
            inner = source.strip()[2:-2].strip("-+")
            self._expression = environment.compile_expression(inner, undefined_to_none=False)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def uses_name(self, name: str) -> bool:
        """Whether it refers to this placeholder."""
        return any(use.name == name for use in self.uses)

    def value(self, context: Mapping[str, Any]) -> Any:
        """The typed value, as JSON or OMIT; a text where the template is more than one placeholder.

        Raises NotRendered.
        """
        if self._expression is None:
            return self.text(context)
        try:
            return _plain(self._expression(**context))
        except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            raise self._failed(error) from None

    def text(self, context: Mapping[str, Any]) -> str:
        """The text. Raises NotRendered."""
        try:
            text = self._template.render(context)
        except NoAddress as error:
            raise NoAddress(f"the template {self._shown}: {error}") from None
        except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            raise self._failed(error) from None
        if len(text) > _LONGEST_RESULT:
            raise NotRendered(f"the template {self._shown} makes more than {_LONGEST_RESULT} characters")
        return quote(text, safe=_IN_ADDRESSES) if self.is_path else text

    def _failed(self, error: Exception) -> NotRendered:
        return NotRendered(f"the template {self._shown}: {error}")

    @property
    def _shown(self) -> str:
        return repr(self.source if len(self.source) <= 80 else f"{self.source[:79]}…")


def _is_alone(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    inner = tree.body[0].nodes
    return len(inner) == 1 and not isinstance(inner[0], nodes.TemplateData)


def _plain(value: Any) -> Any:
    """The value as JSON. Raises NotRendered for what has none."""
    if isinstance(value, Undefined):
        str(value)
    if value is None or isinstance(value, str | bool | int | float | Omit):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    raise NotRendered("a value that is no JSON")
