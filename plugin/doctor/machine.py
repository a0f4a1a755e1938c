"""Points about the machine that the plugin runs on: its time zone data, and the ledger's file."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.common.zones import newest_zone
from plugin.doctor.checks import DoctorCheck
from plugin.ledger.sqlite_file import sqlite_path, takes_write_ahead_log

if TYPE_CHECKING:
    from plugin.config.settings import Settings


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK)


def time_zone(settings: Settings) -> Iterator[DoctorCheck]:
    """Whether the system's data agree with the package's; the plugin itself goes by the newer."""
    name = str(settings.timezone)
    found = newest_zone(name)
    if found.differs_at is None:
        yield DoctorCheck("machine", f"time zone data are up to date for {name}")
        return
    what = f"time zone data of the system and of the package tzdata agree for {name}"
    system = found.system or "of unknown age"
    if found.system is not None and found.system >= found.package:
        remedy = f"The package's data ({found.package}) are older than the system's ({system}): pip install -U tzdata"
    else:
        remedy = (
            f"The system's data ({system}) name other hours from {found.differs_at:%d.%m.%Y} than the package's "
            f"({found.package}): update the system's tzdata. The plugin goes by the newer, other programs may not"
        )
    yield DoctorCheck("machine", what, ok=False, remedy=remedy)


def ledger_file(settings: Settings) -> Iterator[DoctorCheck]:
    """Whether the ledger's file, or the folder where it will be, can be written by this user and takes SQLite's log."""
    path = sqlite_path(settings.ledger_url)
    if path is None:
        return
    if remedy := owner_remedy(path, os.geteuid()):
        yield DoctorCheck("ledger", "its file belongs to this user", ok=False, remedy=remedy)
        return
    folder = next((one for one in path.absolute().parents if one.is_dir()), None)
    if path.exists() or folder is None or not os.access(folder, os.W_OK):
        return
    name = "its folder takes SQLite's write-ahead log"
    if takes_write_ahead_log(folder):
        yield DoctorCheck("ledger", name)
    else:
        remedy = "Put the ledger on a disk of this machine, not on a network one, or use PostgreSQL"
        yield DoctorCheck("ledger", name, ok=False, remedy=remedy)


def owner_remedy(path: Path, user: int, may_write: Callable[[Path], bool] = _may_write) -> str | None:
    """What to type so that ``user`` can write the ledger; None where that is not the trouble."""
    for one in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"), path.parent):
        try:
            owner = one.stat().st_uid
        except OSError:
            continue
        if user not in (0, owner) and not may_write(one):
            return f"{one} belongs to {_called(owner)}: sudo chown -R {_called(user)} {path.parent}"
    return None


def _called(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
