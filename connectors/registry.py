"""The connectors there are, by name: the ones that come along and those of other packages.

A connector is imported when it is first asked for, so that a command that needs none of them is quick, and checked at
that moment: a class that cannot work as a connector is refused at start-up, not when the first call comes in.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import get_args

from marshmallow import Schema

from connectors.base import Connector, Kind

#: Other packages offer connectors under this group of entry points: ``name = "module:Class"``.
ENTRY_POINTS = "optout.connectors"
#: The connectors that come along.
OWN = {
    "amocrm": "connectors.amocrm:AmoConnector",
    "bitrix24": "connectors.bitrix24:Bitrix24Connector",
    "embedded": "connectors.embedded:EmbeddedConnector",
    "espocrm": "connectors.espocrm:EspoConnector",
    "rest": "connectors.rest:RestConnector",
}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
#: What a connector need not bring, but what must fit where it does.
_OPTIONAL = (
    *("share_quota", "keep_in", "check_assignee", "check_card", "check_by_writing", "facts", "probe"),
    *("card_fields", "card_field_states"),
    *("write", "remove", "catch_up", "open_frame"),
)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ConnectorMisfit(TypeError):
    """A class that is no usable connector: the message names it, the member at fault and what was expected."""


class UnknownConnector(KeyError):
    """No connector has this name; the message lists those there are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(name)

    def __str__(self) -> str:
        close = difflib.get_close_matches(self.name, self.known, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        return f"unknown connector {self.name!r}; known: {', '.join(self.known) or 'none'}{meant}"


class Registry:
    """Connector classes by name, each checked when it was added, or when an offered one is first asked for."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Connector]] = {}
        self._offers: dict[str, EntryPoint] = {}

    def add(self, candidate: type[Connector]) -> None:
        """Take a class in. Raises ConnectorMisfit."""
        check_class(candidate)
        self._refuse_taken(candidate.name, _shown(candidate), candidate)
        self._classes[candidate.name] = candidate

    def offer(self, found: Iterable[EntryPoint]) -> None:
        """Know of connectors that are imported and checked once they are asked for.

        Raises ConnectorMisfit for a name that is taken.
        """
        for entry in found:
            known = self._offers.get(entry.name)
            if known is not None and known.value == entry.value:
                continue
            self._refuse_taken(entry.name, f"connector {entry.value}", None)
            self._offers[entry.name] = entry

    def connector_class(self, name: str) -> type[Connector]:
        """The class of this name. Raises UnknownConnector, and ConnectorMisfit for one that cannot be used."""
        if name not in self._classes and name in self._offers:
            self._classes[name] = _loaded(self._offers[name])
        try:
            return self._classes[name]
        except KeyError:
            raise UnknownConnector(name, self.names()) from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted({*self._classes, *self._offers}))

    def _refuse_taken(self, name: str, by: str, candidate: type[Connector] | None) -> None:
        if name in self._offers:
            raise ConnectorMisfit(f"{by}: the name {name!r} is taken by connector {self._offers[name].value}")
        taken = self._classes.get(name)
        if taken is not None and taken is not candidate:
            raise ConnectorMisfit(f"{by}: the name {name!r} is taken by {_shown(taken)}")


def check_class(candidate: object) -> None:
    """Raise ConnectorMisfit unless this class fulfils ``connectors.base.Connector``."""
    if not (isinstance(candidate, type) and issubclass(candidate, Connector)):
        raise ConnectorMisfit(f"{candidate!r}: expected a subclass of connectors.base.Connector")
    name = getattr(candidate, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConnectorMisfit(f"{_shown(candidate)}: name is {name!r}, expected lower-case letters, digits and _")
    schema = getattr(candidate, "Settings", None)
    if not (isinstance(schema, type) and issubclass(schema, Schema)):
        raise ConnectorMisfit(f"{_shown(candidate)}: Settings is {schema!r}, expected a marshmallow Schema class")
    for method in sorted(Connector.__abstractmethods__):
        if method in candidate.__abstractmethods__:
            expected = inspect.signature(getattr(Connector, method))
            raise ConnectorMisfit(f"{_shown(candidate)}: {method} is missing, expected {method}{expected}")
        _check_method(candidate, method)
    for method in _OPTIONAL:
        _check_method(candidate, method)
    _check_values(candidate)
    if not _takes(candidate, ["settings"], [], without_self=True):
        given = f"__init__{inspect.signature(candidate)}"
        raise ConnectorMisfit(f"{_shown(candidate)}: {given}, expected __init__(self, settings)")


def _check_values(candidate: type[Connector]) -> None:
    """What the class says of itself; a property says it of each account."""
    most = getattr(candidate, "most_writes", None)
    if not isinstance(most, property) and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise ConnectorMisfit(f"{_shown(candidate)}: most_writes is {most!r}, expected a whole number of 1 or more")
    for flag in ("sends_mail", "repeats_events", "catches_up"):
        value = getattr(candidate, flag, None)
        if not isinstance(value, property | bool):
            raise ConnectorMisfit(f"{_shown(candidate)}: {flag} is {value!r}, expected True or False")
    removes = getattr(candidate, "removes", None)
    if not isinstance(removes, property) and not (isinstance(removes, frozenset) and removes <= {*get_args(Kind)}):
        kinds = ", ".join(get_args(Kind))
        raise ConnectorMisfit(f"{_shown(candidate)}: removes is {removes!r}, expected a frozenset of {kinds}")


def _check_method(candidate: type[Connector], method: str) -> None:
    implementation = getattr(candidate, method)
    expected = inspect.signature(getattr(Connector, method))
    parameters = [one for one in expected.parameters.values() if one.name != "self"]
    in_order = [one.name for one in parameters if one.kind in _POSITIONAL]
    by_name = [one.name for one in parameters if one.kind not in _POSITIONAL]
    if _takes(implementation, in_order, by_name):
        return
    given = f"{method}{inspect.signature(implementation)}" if callable(implementation) else repr(implementation)
    raise ConnectorMisfit(f"{_shown(candidate)}: {method} is {given}, expected {method}{expected}")


def _takes(implementation: object, in_order: list[str], by_name: list[str], *, without_self: bool = False) -> bool:
    """Whether it can be called both ways that the plugin does: in order, and by the names that the interface gives."""
    if not callable(implementation):
        return False
    takes, own = inspect.signature(implementation), () if without_self else ("self",)
    try:
        takes.bind(*own, *in_order, **dict.fromkeys(by_name))
        takes.bind(*own, **dict.fromkeys([*in_order, *by_name]))
    except TypeError:
        return False
    return True


def _loaded(entry: EntryPoint) -> type[Connector]:
    try:
        candidate = entry.load()
    except Exception as error:
        why = f"connector {entry.name!r} ({entry.value}) cannot be imported: {error}"
        raise ConnectorMisfit(why) from error
    check_class(candidate)
    if candidate.name != entry.name:
        raise ConnectorMisfit(f"{_shown(candidate)}: offered as {entry.name!r}, its name is {candidate.name!r}")
    found: type[Connector] = candidate
    return found


def _shown(candidate: type) -> str:
    return f"connector {candidate.__module__}.{candidate.__qualname__}"


@functools.cache
def default_registry() -> Registry:
    """The connectors of this installation. Raises ConnectorMisfit where two have the same name."""
    registry = Registry()
    registry.offer(EntryPoint(name, value, ENTRY_POINTS) for name, value in OWN.items())
    registry.offer(entry_points(group=ENTRY_POINTS))
    return registry


def connector_class(name: str) -> type[Connector]:
    """The connector class of this name. Raises UnknownConnector, ConnectorMisfit."""
    return default_registry().connector_class(name)


def names() -> tuple[str, ...]:
    """The names of all connectors there are. Raises ConnectorMisfit."""
    return default_registry().names()
