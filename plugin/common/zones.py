"""Time zones by the newer of two databases: the operating system's and the ``tzdata`` package's.

Governments change their clocks at short notice, and an old machine's data puts what is due at the wrong hour.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

#: How far ahead the two are compared, and how closely: clocks are not changed twice within a day.
_AHEAD = timedelta(days=731)
_STEP = timedelta(days=1)
_VERSION_LINE = "# version "


@dataclass(frozen=True, slots=True)
class ZoneData:
    """A zone as it is used, and where the two databases part.

    ``differs_at``: the first moment of the next two years for which the two name other times, None where they agree.
    ``system`` and ``package`` are the databases' versions, such as 2025b; None where it cannot be told.
    """

    zone: ZoneInfo
    differs_at: datetime | None
    system: str | None
    package: str


def newest_zone(name: str, now: datetime | None = None, folders: tuple[str, ...] | None = None) -> ZoneData:
    """The zone by the newer database; the package's where they differ and the system's version cannot be told.

    ``folders`` are the system's, by default those of Python. Raises what ``ZoneInfo`` raises for a name of no zone.
    """
    usual = ZoneInfo(name)
    places = zoneinfo.TZPATH if folders is None else folders
    system, package = _of_system(name, places), _of_package(name)
    version = next(filter(None, map(_version, places)), None)
    differs = _first_difference(system, package, now or datetime.now(UTC)) if system and package else None
    if differs is None or package is None or system is None:
        return ZoneData(usual if folders is None else system or package or usual, differs, version, tzdata.IANA_VERSION)
    newer = system if version is not None and version >= tzdata.IANA_VERSION else package
    return ZoneData(newer, differs, version, tzdata.IANA_VERSION)


def _of_system(name: str, folders: tuple[str, ...]) -> ZoneInfo | None:
    for folder in folders:
        path = Path(folder, name)
        if path.is_file():
            with path.open("rb") as file:
                return ZoneInfo.from_file(file, key=name)
    return None


def _of_package(name: str) -> ZoneInfo | None:
    try:
        with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except OSError:
        return None


def _version(folder: str) -> str | None:
    """By the line that the sources begin with, or the file that some systems lay beside."""
    for name, start in (("tzdata.zi", _VERSION_LINE), ("+VERSION", "")):
        try:
            with Path(folder, name).open(encoding="ascii", errors="replace") as file:
                line = file.readline()
        except OSError:
            continue
        if line.startswith(start):
            return line.removeprefix(start).strip() or None
    return None


def _first_difference(one: ZoneInfo, other: ZoneInfo, now: datetime) -> datetime | None:
    moment, end = now, now + _AHEAD
    while moment < end:
        if moment.astimezone(one).utcoffset() != moment.astimezone(other).utcoffset():
            return moment
        moment += _STEP
    return None
