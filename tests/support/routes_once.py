"""Addresses that are compiled once in a process, whatever applications its tests make: a deployment makes one."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

_compile: Any = Rule._compile_builder
_BUILDERS: dict[tuple[Any, ...], Any] = {}


def _compile_once(rule: Any, append_unknown: bool = True) -> Any:
    """What builds an address takes converters from the rule that it is bound to: nothing else is missing in the key."""
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if key not in _BUILDERS:
        _BUILDERS[key] = _compile(rule, append_unknown)
    return _BUILDERS[key]


setattr(Rule, "_compile_builder", _compile_once)  # noqa: B010 (another signature to mypy)
