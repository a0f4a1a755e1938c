"""Templates of a description: placeholders, filters and conditions, nothing that runs long, grows or reaches Python.

A template is checked when the description is read: its syntax, its placeholders, its filters. Rendering gives a typed
value where the template is one placeholder alone (``"{{ due }}"``), else a text.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import SandboxedEnvironment

from connectors.http.address import segment
from connectors.rest.filters import FILTERS, LOCAL

#: The placeholders that a template may name, each with its attributes; None: any.
Names = Mapping[str, Collection[str] | None]

_LONGEST_SOURCE = 4_000
_LONGEST_RESULT = 1_000_000
_DEEPEST = 40
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem),
    *(nodes.Filter, nodes.CondExpr, nodes.Or, nodes.And, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Slice, nodes.Neg),
)
_WORDS: Mapping[type[nodes.Node], str] = {
    nodes.For: "a loop",
    nodes.Call: "a call",
    nodes.If: "a block; write {{ a if b else c }}",
    nodes.Pow: "**",
    nodes.Mul: "*",
    nodes.Add: "+; write a ~ b",
    nodes.Keyword: "a named argument",
    nodes.Test: "a test; write {{ a | default('') }}",
}


class Omit:
    """Stands for a key that is to be left out of a body, a query or a form."""


OMIT = Omit()


class BadTemplate(ValueError):
    """A template that cannot be used: what is wrong, and where in it."""


class NotRendered(ValueError):
    """A template that has no value for what it was given; the message holds none of that."""


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
        if isinstance(obj, Undefined):
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
    return segment(_as_text(value))


_TEXTS = _Sandbox(_as_text)
_PATHS = _Sandbox(_as_segment)


@dataclass(frozen=True, slots=True)
class Use:
    """What a template refers to: ``card.id`` as (``card``, ``id``), a bare name with None."""

    name: str
    attribute: str | None


class TextTemplate:
    """A checked template. ``uses`` are its placeholders; ``local``: whether it asks for the account's time zone."""

    def __init__(self, source: str, names: Names, *, path: bool = False) -> None:
        """Raises BadTemplate."""
        self.source = source
        environment = _PATHS if path else _TEXTS
        tree = _parsed(environment, source)
        _check_nodes(tree)
        self.uses = frozenset(_uses(tree))
        _check_names(tree, names)
        self.local = any(node.name in LOCAL for node in tree.find_all(nodes.Filter))
        if path:
            _check_path(tree)
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
        except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            raise self._failed(error) from None
        if len(text) > _LONGEST_RESULT:
            raise NotRendered(f"the template {self._shown} makes more than {_LONGEST_RESULT} characters")
        return text

    def _failed(self, error: Exception) -> NotRendered:
        return NotRendered(f"the template {self._shown}: {error}")

    @property
    def _shown(self) -> str:
        return repr(self.source if len(self.source) <= 80 else f"{self.source[:79]}…")


def _parsed(environment: _Sandbox, source: str) -> nodes.Template:
    if len(source) > _LONGEST_SOURCE:
        raise BadTemplate(f"the template is longer than {_LONGEST_SOURCE} characters")
    try:
        return environment.parse(source)
    except TemplateSyntaxError as error:
        line = f" in line {error.lineno}" if "\n" in source else ""
        raise BadTemplate(f"the template cannot be read{line}: {_clear(error)}") from None
    except RecursionError:
        raise BadTemplate("the template is nested too deeply") from None


def _clear(error: TemplateSyntaxError) -> str:
    return (error.message or "wrong syntax").rstrip(".")


def _check_nodes(node: nodes.Node, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise BadTemplate("the template is nested too deeply")
    if isinstance(node, nodes.Filter) and (node.kwargs or node.dyn_args or node.dyn_kwargs):
        raise BadTemplate(f"the filter {node.name!r} takes no named arguments here")
    if not isinstance(node, _ALLOWED):
        what = _WORDS.get(type(node), f"{type(node).__name__.lower()!r}")
        raise BadTemplate(f"not allowed in a template: {what}")
    if isinstance(node, nodes.Const) and isinstance(node.value, float) and not isfinite(node.value):
        # Jinja writes it into the code that it makes as a name.
        raise BadTemplate("a number too large to be one")
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise BadTemplate(f"unknown filter {node.name!r}{suggestion(node.name, FILTERS)}")
    for child in node.iter_child_nodes():
        _check_nodes(child, depth + 1)


def _uses(tree: nodes.Template) -> Iterator[Use]:
    owners = {id(node.node) for node in tree.find_all(nodes.Getattr)}
    for name in tree.find_all(nodes.Name):
        if id(name) not in owners:
            yield Use(name.name, None)
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name):
            yield Use(node.node.name, node.attr)


def _check_names(tree: nodes.Template, names: Names) -> None:
    for use in sorted(_uses(tree), key=lambda use: (use.name, use.attribute or "")):
        if use.name not in names:
            raise BadTemplate(f"unknown placeholder {use.name!r}{suggestion(use.name, shown_names(names))}")
        attributes = names[use.name]
        if attributes is None:
            continue
        if use.attribute is None and attributes:
            known = ", ".join(f"{use.name}.{attribute}" for attribute in sorted(attributes))
            raise BadTemplate(f"{use.name!r} is no value by itself; known: {known}")
        if use.attribute is not None and use.attribute not in attributes:
            known_names = [f"{use.name}.{attribute}" for attribute in attributes]
            whole = f"{use.name}.{use.attribute}"
            raise BadTemplate(f"unknown placeholder {whole!r}{suggestion(whole, known_names)}")


def shown_names(names: Names) -> list[str]:
    """The placeholders as they are written."""
    return sorted(
        f"{name}.{attribute}" if attribute else name
        for name, attributes in names.items()
        if not name.startswith("_")
        for attribute in (attributes or ("",))
    )


def suggestion(given: str, known: Collection[str]) -> str:
    """``; did you mean …? known: …`` for an unknown name."""
    close = difflib.get_close_matches(given, sorted(known), n=1)
    meant = f"; did you mean {close[0]}?" if close else ";"
    return f"{meant} known: {', '.join(sorted(known)) or 'none'}"


_IN_PATHS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@%/")


def _check_path(tree: nodes.Template) -> None:
    """Its fixed text is a plain relative path."""
    fixed = [node.data for node in tree.find_all(nodes.TemplateData)]
    wrong = sorted({char for text in fixed for char in text} - _IN_PATHS)
    if "?" in wrong:
        raise BadTemplate("a path holds no query: write it into query = { … }")
    if wrong:
        raise BadTemplate(f"a path cannot hold {wrong[0]!r}")
    if any(part in (".", "..") for text in fixed for part in text.split("/")):
        raise BadTemplate("a path holds no . or ..")
    if fixed and "://" in fixed[0]:
        raise BadTemplate("a path is relative to base_url")


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
