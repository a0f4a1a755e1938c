"""What a template may be made of: its nodes, its placeholders, its filters, and the fixed text of a path."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from jinja2 import Environment, TemplateSyntaxError, nodes

from connectors.rest.filters import FILTERS

#: The placeholders that a template may name, each with its attributes; None: any.
Names = Mapping[str, Collection[str] | None]

_LONGEST_SOURCE = 4_000
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


class BadTemplate(ValueError):
    """A template that cannot be used: what is wrong, and where in it."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a template refers to: ``card.id`` as (``card``, ``id``), a bare name with None."""

    name: str
    attribute: str | None


def parsed(environment: Environment, source: str) -> nodes.Template:
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


def check_nodes(node: nodes.Node, depth: int = 0) -> None:
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
        check_nodes(child, depth + 1)


def uses(tree: nodes.Template) -> Iterator[Use]:
    owners = {id(node.node) for node in tree.find_all(nodes.Getattr)}
    for name in tree.find_all(nodes.Name):
        if id(name) not in owners:
            yield Use(name.name, None)
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name):
            yield Use(node.node.name, node.attr)


def check_names(tree: nodes.Template, names: Names) -> None:
    for use in sorted(uses(tree), key=lambda use: (use.name, use.attribute or "")):
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


def check_path(tree: nodes.Template) -> None:
    """Its fixed text is a plain relative path."""
    fixed = [node.data for node in tree.find_all(nodes.TemplateData)]
    wrong = sorted(char for char in {*"".join(fixed)} - _IN_PATHS if char.isascii() or not char.isalnum())
    if "?" in wrong:
        raise BadTemplate("a path holds no query: write it into query = { … }")
    if wrong:
        raise BadTemplate(f"a path cannot hold {wrong[0]!r}")
    if any(part in (".", "..") for text in fixed for part in text.split("/")):
        raise BadTemplate("a path holds no . or ..")
    if fixed and "://" in fixed[0]:
        raise BadTemplate("a path is relative to base_url")
