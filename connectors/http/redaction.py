"""Redacts a CRM's error messages: what they repeat of the request is hidden.

An error that repeats the request would carry a secret or a client's name into messages and logs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

#: Unbroken text of a request that is so long may be a token; names of fields and types are shorter.
_LONGEST_WORD = 20
#: Shorter parts of a header are no secret.
_SHORTEST_SECRET = 8
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_HIDDEN = "(…)"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """What a request sent to a CRM. ``secrets`` are those of the account that are not in ``headers``."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    def redacted(self, said: str) -> str:
        """``said`` without the secrets, without two and more of the sent words in a row, and without single names."""
        said = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), unquote(said) if "%" in said else said)
        texts = [*self.query.values(), *_texts(self.body)]
        for secret in sorted(self._tokens(texts), key=len, reverse=True):
            said = said.replace(secret, _HIDDEN).replace(quote(secret, safe="", errors="replace"), _HIDDEN)
        return _without_words(said, texts)

    def _tokens(self, texts: list[str]) -> set[str]:
        of_headers = {
            part for value in self.headers.values() for part in value.split() if len(part) >= _SHORTEST_SECRET
        }
        unbroken = {text for text in texts if len(text) > _LONGEST_WORD and not any(map(str.isspace, text))}
        return {*filter(None, self.secrets)} | of_headers | unbroken


def _texts(body: bytes | None) -> Iterator[str]:
    """The values in a body of JSON or of a form, those of forms within JSON too."""
    if not body:
        return
    try:
        values = list(_leaves(json.loads(body)))
    except (ValueError, RecursionError):
        values = [body.decode(errors="replace")]
    for value in values:
        # A command of a batch is a query in itself.
        pairs = parse_qsl(value.partition("?")[2] or value) if "=" in value else []
        yield from (text for _, text in pairs) if pairs else (value,)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)


def _without_words(said: str, texts: list[str]) -> str:
    pairs: set[tuple[str, str]] = set()
    names: set[str] = set()
    for text in texts:
        words = _WORD.findall(text)
        lower = [word.casefold() for word in words]
        pairs |= {*pairwise(lower)}
        names |= {word.casefold() for word in words if _is_name(word)}
    found = list(_WORD.finditer(said))
    spoken = [word[0].casefold() for word in found]
    hidden = {place for place, word in enumerate(spoken) if word in names}
    for place, pair in enumerate(pairwise(spoken)):
        hidden |= {place, place + 1} if pair in pairs else set()
    for place in sorted(hidden, reverse=True):
        last = place + 1 in hidden
        end = found[place + 1].start() if last else found[place].end()
        said = said[: found[place].start()] + ("" if last else _HIDDEN) + said[end:]
    return said


def _is_name(word: str) -> bool:
    """Whether a word may be a person's name: Cyrillic, or another script than that of codes, with a capital letter."""
    return len(word) > 2 and not word.isascii() and word[0].isupper() and word[1:].islower()
