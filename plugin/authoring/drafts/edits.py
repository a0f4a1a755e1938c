"""Edits as they are kept: what each replaced in which file, so that undo and redo give back the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: File name → text, of a whole rules folder.
DraftFiles = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Splice:
    """In one file, ``old`` became ``new`` at this offset, in characters. None: there was, or is, no such file."""

    at: int
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a draft, in as many files as it took. ``bases``: the revisions that it stood on before and after."""

    splices: Mapping[str, Splice]
    bases: tuple[str, str] | None = None

    @classmethod
    def between(cls, before: DraftFiles, after: DraftFiles, bases: tuple[str, str] | None = None) -> Edit:
        """What leads from one state to the other."""
        changed = (name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
        return cls({name: _splice(before.get(name), after.get(name)) for name in changed}, bases)

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.splices and self.bases is None

    def done(self, files: DraftFiles) -> dict[str, str]:
        """The files after it."""
        return self._applied(files, undo=False)

    def undone(self, files: DraftFiles) -> dict[str, str]:
        """The files before it."""
        return self._applied(files, undo=True)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        files = {name: [one.at, one.old, one.new] for name, one in self.splices.items()}
        return {"files": files} | ({"bases": list(self.bases)} if self.bases else {})

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Edit:
        """What ``to_json`` wrote."""
        bases = kept.get("bases")
        return cls({name: Splice(*one) for name, one in kept["files"].items()}, tuple(bases) if bases else None)

    def _applied(self, files: DraftFiles, *, undo: bool) -> dict[str, str]:
        result = dict(files)
        for name, one in self.splices.items():
            gone, come = (one.new, one.old) if undo else (one.old, one.new)
            if come is None:
                del result[name]
            else:
                text = result.get(name, "")
                result[name] = text[: one.at] + come + text[one.at + len(gone or "") :]
        return result


def _splice(before: str | None, after: str | None) -> Splice:
    if before is None or after is None:
        return Splice(0, before, after)
    begin = _alike(before, after)
    end = _alike(before[begin:][::-1], after[begin:][::-1])
    return Splice(begin, before[begin : len(before) - end], after[begin : len(after) - end])


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    shortest = min(len(one), len(other))
    return next((at for at in range(shortest) if one[at] != other[at]), shortest)
