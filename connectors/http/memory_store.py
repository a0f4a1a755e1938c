"""A ``connectors.base.Store`` in memory, for an account that is used without a ledger: what it keeps ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class MemoryStore:
    """Values of one account in this process. Thread-safe: one caller at a time is in ``change``."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._values)} values)"

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def change(self, name: str, change: Callable[[str | None], str]) -> str:
        with self._lock:
            self._values[name] = change(self._values.get(name))
            return self._values[name]
