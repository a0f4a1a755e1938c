"""Sentences for people in their language: what the code words in English is told by tables of sentences.

A table, ``messages_ru.toml``, maps an English sentence to the same in Russian; ``{name}`` stands for a part that
differs from time to time. What no table holds is told in English, as what a connector of somebody else's says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

#: Those of ``[plugin] language``.
LANGUAGES = ("ru", "en")
_PART = re.compile(r"\{(\w+)\}")


class Phrasebook:
    """Several tables as one. A part that is a sentence of a table itself is told by it, too."""

    def __init__(self, *tables: Mapping[str, str]) -> None:
        sentences = {english: other for table in tables for english, other in table.items()}
        whole = {english: other for english, other in sentences.items() if not _PART.search(english)}
        # The more of a sentence is said, the less can it be taken for another one.
        patterns = sorted(sentences.keys() - whole.keys(), key=lambda one: -len(_PART.sub("", one)))
        self._whole = whole
        self._patterns = [(re.compile(_pattern(one), re.DOTALL), sentences[one]) for one in patterns]

    @classmethod
    def of(cls, files: Iterable[Path]) -> Self:
        """The tables in these files."""
        return cls(*(tomllib.loads(file.read_text(encoding="utf-8")) for file in files))

    def told(self, text: str) -> str:
        """The text by the first table sentence that it is; as it stands where it is none."""
        if text in self._whole:
            return self._whole[text]
        for pattern, other in self._patterns:
            if found := pattern.fullmatch(text):
                parts = {name: self.told(part) for name, part in found.groupdict().items()}
                return other.format_map(parts)
        return text


def _pattern(sentence: str) -> str:
    """The regular expression of a sentence, its parts as named groups; a part that stands twice is the same."""
    seen: set[str] = set()
    out = ""
    for place, piece in enumerate(_PART.split(sentence)):
        if place % 2 == 0:
            out += re.escape(piece)
        else:
            out += f"(?P={piece})" if piece in seen else f"(?P<{piece}>.+?)"
            seen.add(piece)
    return out
