"""What the console shows of the set-up, handed in by the process that serves it: the examination reaches everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetupPoint:
    """One point of the examination in the admin's words, and what to do where it does not hold.

    ``state``: holds, failed or not_tried.
    """

    area: str
    name: str
    state: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting as it stands, secrets hidden."""

    table: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SetupTools:
    """Examines the configuration (seconds), reads its settings, and packs the archive for whoever is asked for help."""

    examine: Callable[[], Sequence[SetupPoint]]
    settings: Callable[[], Sequence[ShownSetting]]
    bundle: Callable[[], bytes]
