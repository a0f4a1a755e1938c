"""The connectors there are, by name: the ones that come along and those of other packages.

A class that cannot work as a connector is refused when it is registered, not when the first call comes in.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from marshmallow import Schema

from connectors.amocrm import AmoConnector
from connectors.base import Connector
from connectors.bitrix24 import Bitrix24Connector
from connectors.embedded import EmbeddedConnector
from connectors.espocrm import EspoConnector
from connectors.rest import RestConnector

#: Other packages offer connectors under this group of entry points: ``name = "module:Class"``.
ENTRY_POINTS = "optout.connectors"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class ConnectorMisfit(TypeError):
    """A class that is no usable connector: the message names it, the method at fault and what was expected."""


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
    """Connector classes by name, each checked when it was added."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Connector]] = {}

    def add(self, candidate: type[Connector]) -> None:
        """Take a class in. Raises ConnectorMisfit."""
        check_class(candidate)
        taken = self._classes.get(candidate.name)
        if taken is not None and taken is not candidate:
            raise ConnectorMisfit(f"{_shown(candidate)}: the name {candidate.name!r} is taken by {_shown(taken)}")
        self._classes[candidate.name] = candidate

    def add_entry_points(self, found: Iterable[EntryPoint]) -> None:
        """Take in what other packages offer. Raises ConnectorMisfit, also where one cannot be imported."""
        for entry in found:
            try:
                candidate = entry.load()
            except Exception as error:
                why = f"connector {entry.name!r} ({entry.value}) cannot be imported: {error}"
                raise ConnectorMisfit(why) from error
            self.add(candidate)
            if candidate.name != entry.name:
                raise ConnectorMisfit(f"{_shown(candidate)}: offered as {entry.name!r}, its name is {candidate.name!r}")

    def connector_class(self, name: str) -> type[Connector]:
        """The class of this name. Raises UnknownConnector."""
        try:
            return self._classes[name]
        except KeyError:
            raise UnknownConnector(name, self._classes) from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._classes))


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
        expected = inspect.signature(getattr(Connector, method))
        if method in candidate.__abstractmethods__:
            raise ConnectorMisfit(f"{_shown(candidate)}: {method} is missing, expected {method}{expected}")
        _check_method(candidate, method, expected)


def _check_method(candidate: type[Connector], method: str, expected: inspect.Signature) -> None:
    implementation = getattr(candidate, method)
    wanted = [name for name in expected.parameters if name != "self"]
    takes = inspect.signature(implementation) if callable(implementation) else None
    if takes is not None:
        try:
            # Called both ways by the plugin: in order, and by the names that the interface gives.
            takes.bind("self", *wanted)
            takes.bind("self", **dict.fromkeys(wanted))
            return
        except TypeError:
            pass
    given = f"{method}{takes}" if takes is not None else repr(implementation)
    raise ConnectorMisfit(f"{_shown(candidate)}: {method} is {given}, expected {method}{expected}")


def _shown(candidate: type) -> str:
    return f"connector {candidate.__module__}.{candidate.__qualname__}"


@functools.cache
def default_registry() -> Registry:
    """The connectors of this installation. Raises ConnectorMisfit."""
    registry = Registry()
    registry.add(AmoConnector)
    registry.add(EmbeddedConnector)
    registry.add(RestConnector)
    registry.add(Bitrix24Connector)
    registry.add(EspoConnector)
    registry.add_entry_points(entry_points(group=ENTRY_POINTS))
    return registry


def connector_class(name: str) -> type[Connector]:
    """The connector class of this name. Raises UnknownConnector, ConnectorMisfit."""
    return default_registry().connector_class(name)


def names() -> tuple[str, ...]:
    """The names of all connectors there are. Raises ConnectorMisfit."""
    return default_registry().names()
