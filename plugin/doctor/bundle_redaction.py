"""What of a deployment may be handed to a stranger: settings without secrets and addresses, a log without quotations.

What is not known to be harmless is left out: a value that stands in a place of its own, and words that are not ASCII in
texts that the plugin writes in English, for such words are quoted from a client, a user or the CRM.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from plugin.common.log import mask_text

#: Keys whose texts are choices, times, or names that the integrator gave to things.
_PLAIN = frozenset(
    {
        *("id", "version", "events", "default_script", "timezone", "time_zone", "language", "connector", "profile"),
        *("security", "format", "level", "working_days", "working_from", "working_until", "namespace", "source"),
        *("mail", "reminder_as", "frame_ancestors"),
    }
)
_NAME = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_MAIL = re.compile(r"[^\s@<>\"']+@(?=[\w.-]+)")
_FOREIGN = re.compile(r"\S*[^\x00-\x7f]\S*")
_LEFT_OUT = "‹…›"
_DELICATE = re.compile(r"secret|token|password|key|user|sender|reply_to|address|webhook|^to$")
#: A shorter one cannot be told from an ordinary word.
_SHORTEST_SECRET = 4
#: What a line of the log may say; other keys are named without their values.
_LOGGED = frozenset(
    {
        *("event", "level", "logger", "timestamp", "account", "connector", "state", "status", "code", "why", "kind"),
        *("delivery", "attempts", "seconds", "route", "method", "exception", "signal", "host", "port", "revision"),
        *("waits", "count", "number", "records", "threads", "step", "outcome", "file", "process"),
    }
)


def redacted_settings(data: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The tables of a plugin.toml: every key, numbers and choices; of other texts only that there is one."""
    return {mask_text(key): _value(key, value, environ) for key, value in data.items()}


def texts_that_may_be_secret(data: Mapping[str, Any]) -> Iterator[str]:
    """What stands in a plugin.toml under a key that speaks of a secret or of somebody, where a reference belongs."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from texts_that_may_be_secret(value)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _DELICATE.search(key):
                yield text
            elif isinstance(text, Mapping) and isinstance(value, list):
                yield from texts_that_may_be_secret(text)


def _value(key: str, value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return _reference(value, environ) or redacted_settings(value, environ)
    if isinstance(value, list | tuple):
        return [_value(key, one, environ) for one in value]
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float | None) else str(value)
    if key in _PLAIN and _NAME.fullmatch(value):
        return value
    address = urlsplit(value) if "://" in value and "\n" not in value else None
    if address is not None and address.scheme.isalnum():
        return f"{address.scheme}://{_host(value)}"
    return _LEFT_OUT


def _reference(table: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Where a secret is to be found: the variable's name only if it is set, for the secret itself may stand there."""
    match dict(table):
        case {"env": str() as name, **others} if not others:
            return {"env": name if name in environ else "(not set)"}
        case {"file": str(), **others} if not others:
            return {"file": _LEFT_OUT}
    return None


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _LEFT_OUT
    host = parts.hostname or ""
    return f"{host}{port}" if _NAME.fullmatch(f"{host}{port}") else _LEFT_OUT


class Redaction:
    """Takes these secrets and names out of texts, with phones, mail addresses and all that is quoted."""

    def __init__(self, known: Iterable[str | None]) -> None:
        found = {one for one in known if one and len(one) >= _SHORTEST_SECRET}
        self._known = [
            re.compile(rf"(?<!\w){re.escape(one)}(?!\w)") for one in sorted(found, key=lambda one: (-len(one), one))
        ]

    def text(self, text: str) -> str:
        """One text that the plugin words in English."""
        for one in self._known:
            text = one.sub(_LEFT_OUT, text)
        kept = text.replace(_LEFT_OUT, "\0").replace("…", "...").replace("—", "-")
        masked = _FOREIGN.sub("\0", _MAIL.sub("***@", mask_text(kept)))
        return masked.replace("\0", _LEFT_OUT)

    def value(self, value: Any) -> Any:
        """The same for every text in a JSON value."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def log(self, lines: Iterable[str]) -> Iterator[str]:
        """The plugin's own lines in JSON; of all others only how many they were."""
        others = 0
        for line in lines:
            entry = _entry(line)
            if entry is None:
                others += 1
                continue
            yield json.dumps(self._line(entry), ensure_ascii=False)
        if others:
            yield f"({others} lines that are no JSON of the plugin's are left out)"

    def _line(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {
            self.text(key): self.value(value) if key in _LOGGED or isinstance(value, bool) else _LEFT_OUT
            for key, value in entry.items()
        }


def _entry(line: str) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("event"), str) else None
