"""What the doctor says of the machine: zone data, and the ledger's file."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url

from plugin.common.zones import ZoneData
from plugin.doctor import machine
from plugin.errors import ConfigError
from plugin.ledger.engines import sqlite_engine


def settings(url: str = "sqlite:///ledger.db") -> SimpleNamespace:
    return SimpleNamespace(timezone=ZoneInfo("Asia/Almaty"), ledger_url=url)


@pytest.mark.parametrize(
    ("system", "remedy"),
    [
        ("2023c", "The system's data (2023c) name other hours from 29.11.2026 than the package's (2026f)"),
        (None, "The system's data (of unknown age) name other hours"),
        ("2099a", "The package's data (2026f) are older than the system's (2099a): pip install -U tzdata"),
    ],
)
def test_zone_data_that_differ_fail_with_what_to_update(
    monkeypatch: pytest.MonkeyPatch, system: str | None, remedy: str
) -> None:
    data = ZoneData(ZoneInfo("Asia/Almaty"), datetime(2026, 11, 29, tzinfo=UTC), system, "2026f")
    monkeypatch.setattr(machine, "newest_zone", lambda name: data)
    (point,) = machine.time_zone(settings())  # type: ignore[arg-type]
    assert point.ok is False
    assert point.remedy.startswith(remedy)


def test_a_ledger_of_another_user_fails_with_the_command(tmp_path: Path) -> None:
    path, stranger = tmp_path / "ledger.db", 65_534
    path.touch()
    told = machine.owner_remedy(path, stranger, lambda _: False)
    assert told is not None
    assert told.startswith(f"{path} belongs to {pwd.getpwuid(os.geteuid()).pw_name}: sudo chown -R ")
    assert machine.owner_remedy(path, stranger, lambda _: True) is None
    assert machine.owner_remedy(path, os.geteuid(), lambda _: False) is None


def test_a_file_system_without_shared_memory_is_refused_at_start(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///file:{tmp_path / 'ledger.db'}?vfs=unix-dotfile&uri=true")
    engine = sqlite_engine(url, 0.1)
    with pytest.raises(ConfigError, match="no write-ahead log"), engine.connect():
        pass


def test_a_folder_that_takes_the_log_holds_and_nothing_is_left(tmp_path: Path) -> None:
    (point,) = machine.ledger_file(settings(f"sqlite:///{tmp_path / 'sub' / 'ledger.db'}"))  # type: ignore[arg-type]
    assert (point.ok, point.name) == (True, "its folder takes SQLite's write-ahead log")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_refuses_the_log_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "takes_write_ahead_log", lambda folder: False)
    (point,) = machine.ledger_file(settings(f"sqlite:///{tmp_path / 'ledger.db'}"))  # type: ignore[arg-type]
    assert point.ok is False
    assert "PostgreSQL" in point.remedy
