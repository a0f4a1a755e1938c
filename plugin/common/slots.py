"""A number of places that threads take for the length of a block; all who wait can be let go on at once."""

from __future__ import annotations

from queue import SimpleQueue


class Slots:
    """So many places: ``with slots:`` waits for one and takes it. Quicker than a semaphore, which is Python itself."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self.add(count)

    def __enter__(self) -> None:
        self._free.get()

    def __exit__(self, *_: object) -> None:
        self._free.put(None)

    def add(self, count: int) -> None:
        """Make so many more places, for those who wait."""
        for _ in range(count):
            self._free.put(None)

    def take_away(self, count: int) -> None:
        """Make so many fewer; waits until they are free."""
        for _ in range(count):
            self._free.get()
