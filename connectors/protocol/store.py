"""Where a connector keeps what outlives the process, such as renewed tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

#: The code of a CrmUnavailable that says that there is nowhere to keep values yet.
NO_STORE = "no_store"


class Store(Protocol):
    """Small values of one account that outlive the process and are shared with others, e.g. renewed tokens."""

    def get(self, name: str) -> str | None:
        """The value kept under this name. Raises CrmUnavailable where it cannot be read now."""
        ...

    def change(self, name: str, change: Callable[[str | None], str]) -> str:
        """Keep ``change(value kept now)`` and return it; only one caller of all processes is in ``change`` at a time.

        Where ``change`` raises, nothing is kept. It may take as long as one exchange with the CRM. Raises
        CrmUnavailable where it is not its turn in time or nothing can be kept now.
        """
        ...
