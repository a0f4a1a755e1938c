"""Collects everything that is wrong with a rules folder, each fault with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plugin.common import suggest
from plugin.common.toml.source import Place, TomlSource
from plugin.errors import Fault, RulesError


class Faults:
    """The faults found so far. ``sources`` gives the lines; without it (a stored revision) faults have none."""

    def __init__(self, sources: Mapping[str, TomlSource] | None = None) -> None:
        self._sources = sources or {}
        self._found: list[Fault] = []

    def add(self, file: str, place: Place, what: str, hint: str = "") -> None:
        """Note a fault at a place of a file."""
        source = self._sources.get(file)
        line = source.line(place) if source else 0
        self._found.append(Fault(file, line, self._entry(file, place), what, hint, place))

    def add_ready(self, fault: Fault) -> None:
        """Note a fault whose place is in words of its own."""
        self._found.append(fault)

    @property
    def found(self) -> tuple[Fault, ...]:
        """All faults, in the order of the files' lines."""
        return tuple(sorted(self._found, key=lambda fault: (fault.file, fault.line)))

    def add_file(self, file: str, line: int, what: str, hint: str) -> None:
        """Note that a file as a whole cannot be used."""
        self._found.append(Fault(file, line, "файл", what, hint))

    def add_form(self, file: str, messages: Mapping[Any, Any], place: Place = ()) -> None:
        """Note what marshmallow found wrong with the form of a file."""
        for key, inner in messages.items():
            # marshmallow wraps the faults of a dict's values and keys once more; the schema's own stand under _schema.
            here = place if key in ("_schema", "value", "key") and not _is_field(inner, key) else (*place, key)
            if isinstance(inner, Mapping):
                self.add_form(file, inner, here)
            else:
                self.add(file, here, "; ".join(str(message) for message in inner))

    def raise_if_any(self) -> None:
        """Raise RulesError with all faults, in the order of the files' lines."""
        if self._found:
            raise RulesError(self.found)

    def _entry(self, file: str, place: Place) -> str:
        """The place as the admin knows it: the entry's id or name where it has one, e.g. ``rule «2.1», when``."""
        source = self._sources.get(file)
        names: list[str] = []
        node: Any = source.data if source else None
        for part in place:
            node = _child(node, part)
            if isinstance(part, int):
                name = node.get("id", node.get("name")) if isinstance(node, Mapping) else None
                names[-1:] = [f"{names[-1]} «{name}»" if isinstance(name, str) else f"{names[-1]} № {part + 1}"]
            else:
                names.append(str(part))
        return ", ".join(names) or "файл"


def closest(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name: the closest known one, and all of them."""
    names = sorted(known)
    return f"{meant(name, names)}есть: {', '.join(names) or 'ничего'}"


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that a misspelt one is most like, as the beginning of a hint; empty where none is near."""
    close = suggest.closest(name, known)
    return f"возможно, имелось в виду «{close}»; " if close else ""


def _child(node: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return node[part] if isinstance(node, list) and part < len(node) else None
    return node.get(part) if isinstance(node, Mapping) else None


def _is_field(inner: Any, key: str) -> bool:
    """Whether this is a field of ours (its messages are a list) and not marshmallow's wrapping of a dict."""
    return key == "value" and not isinstance(inner, Mapping)
