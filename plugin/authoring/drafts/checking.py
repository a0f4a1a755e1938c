"""The faults of a draft at its fields: those of ``optout rules check``, but for what the engine alone knows."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from plugin.authoring.drafts.addresses import value_at
from plugin.authoring.drafts.edits import DraftFiles
from plugin.authoring.verification.check_folder import examine_texts
from plugin.common.clock import Now, utc_now
from plugin.common.toml.source import Place, TomlUnreadable, parse_toml
from plugin.deciding.ruleset.read import composed
from plugin.errors import Fault

#: Drafts of which the faults are remembered: a page is asked for again and again.
_KEPT = 32
#: Texts of files of which it is remembered what they say.
_TEXTS_KEPT = 128


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """What is wrong with a draft, and what its files say as far as they can be read."""

    content: Mapping[str, Any]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing keeps it from being tried out."""
        return not self.faults

    def at(self, file: str, place: Place) -> list[Fault]:
        """The faults of a field: of it, of what is in it, and of it where it is missing."""
        return [fault for fault in self.faults if fault.file == file and fault.place[: len(place)] == place]

    def around(self, file: str, place: Place, told: set[int]) -> list[Fault]:
        """The faults of a table that none of its fields has told; ``told``: ids of those, to which these are added."""
        found = [fault for fault in self.at(file, place) if id(fault) not in told]
        told.update(map(id, found))
        return found

    def value(self, file: str, place: Place) -> Any:
        """What stands at a place; None where nothing does."""
        return value_at(self.content, file, place)


def digest_of(files: DraftFiles) -> str:
    """The same for the same texts."""
    return hashlib.sha256(json.dumps(dict(files), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def content_of(files: DraftFiles) -> dict[str, Any]:
    """What the files say, without those that cannot be read; to be read alone, since others are given the same."""
    found = {name: _said(text) for name, text in files.items()}
    return {name: said for name, said in found.items() if said is not None}


@lru_cache(_TEXTS_KEPT)
def _said(text: str) -> Any:
    """What one file says; None where it cannot be read. An edit changes one file of many."""
    try:
        return composed(parse_toml(text.encode("utf-8", "surrogatepass")).data)
    except TomlUnreadable:
        return None


class DraftChecks:
    """Checks drafts, each state of one once. Thread-safe."""

    def __init__(self, now: Now = utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._known: OrderedDict[str, DraftCheck] = OrderedDict()

    def of(self, files: DraftFiles) -> DraftCheck:
        """What is wrong with these files."""
        key = f"{self._now().date()} {digest_of(files)}"
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        report = examine_texts(files, self._now)
        found = DraftCheck(content_of(files), report.faults, report.warnings)
        with self._lock:
            self._known[key] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found
