"""The commands of one ``batch`` request, and what became of each.

Source: https://apidocs.bitrix24.ru/settings/how-to-call-rest-api/batch.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from plugin.common.text import sendable

#: Bitrix24 takes no more in one batch.
MOST_COMMANDS = 50


@dataclass(frozen=True, slots=True)
class Later:
    """A value that an earlier command of the same batch will have answered: ``Later("r0", "id")``."""

    command: str
    path: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        return "$result" + "".join(f"[{part}]" for part in (self.command, *self.path))


@dataclass(frozen=True, slots=True)
class Command:
    """One method with its parameters, nested as in JSON; values are texts, numbers, ``Later`` or None for left out."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def written(self) -> str:
        """``method?a[b]=c``: values are encoded once, the batch itself goes out as JSON."""
        query = "&".join(f"{name}={value}" for name, value in _pairs(self.params))
        return f"{self.method}?{query}" if query else self.method


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """A batch's answer by the commands' keys. A command that stands in neither map got no answer at all."""

    results: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    times: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def answered(data: Any) -> BatchAnswer | None:
    """The answer to a batch; None for what is none. PHP writes empty maps, and maps with keys 0, 1, …, as lists."""
    inner = data.get("result") if isinstance(data, Mapping) else None
    if not isinstance(inner, Mapping) or "result" not in inner:
        return None
    errors = {key: said for key, said in _by_key(inner.get("result_error")).items() if isinstance(said, Mapping)}
    times = {key: said for key, said in _by_key(inner.get("result_time")).items() if isinstance(said, Mapping)}
    return BatchAnswer(_by_key(inner["result"]), errors, times)


def _by_key(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return {str(key): value for key, value in given.items()}
    return {str(key): value for key, value in enumerate(given)} if isinstance(given, list) else {}


def _pairs(params: Mapping[str, Any] | list[Any] | tuple[Any, ...], prefix: str = "") -> Iterator[tuple[str, str]]:
    items = params.items() if isinstance(params, Mapping) else enumerate(params)
    for key, value in items:
        # Signs of a filter's key (=, %, >, <, @, !) are part of its name and would end it unencoded.
        part = quote(sendable(str(key)), safe="")
        name = f"{prefix}[{part}]" if prefix else part
        if value is None:
            continue
        if isinstance(value, Mapping | list | tuple):
            yield from _pairs(value, name)
        else:
            yield name, value.written if isinstance(value, Later) else quote(_plain(value), safe="")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return sendable(str(value))
