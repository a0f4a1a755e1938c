"""Time zones come from the newer database, and where the two part is known."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest
import tzdata

from plugin.common.zones import newest_zone

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def system(folder: Path, version: str | None, name: str = "Asia/Almaty", holds: str = "Asia/Omsk") -> tuple[str, ...]:
    """A system's zone data, in which ``name`` has the hours of ``holds``."""
    (folder / name).parent.mkdir(parents=True)
    with files("tzdata").joinpath("zoneinfo", *holds.split("/")).open("rb") as file, (folder / name).open("wb") as out:
        shutil.copyfileobj(file, out)
    if version is not None:
        (folder / "tzdata.zi").write_text(f"# version {version}\n")
    return (str(folder),)


def offset(name: str, folders: tuple[str, ...]) -> float:
    moment = NOW.astimezone(newest_zone(name, NOW, folders).zone).utcoffset()
    assert moment is not None
    return moment.total_seconds() / 3600


@pytest.mark.parametrize("version", ["2023c", None])
def test_an_old_system_is_told_and_the_package_counts(tmp_path: Path, version: str | None) -> None:
    folders = system(tmp_path, version)
    found = newest_zone("Asia/Almaty", NOW, folders)
    assert (found.differs_at, found.system, found.package) == (NOW, version, tzdata.IANA_VERSION)
    assert offset("Asia/Almaty", folders) == 5
    assert str(found.zone) == "Asia/Almaty"


def test_a_newer_system_counts(tmp_path: Path) -> None:
    folders = system(tmp_path, "2099a")
    assert offset("Asia/Almaty", folders) == 6
    assert newest_zone("Asia/Almaty", NOW, folders).differs_at == NOW


def test_where_both_agree_nothing_is_told(tmp_path: Path) -> None:
    found = newest_zone("Europe/Moscow", NOW, system(tmp_path, "2023c", "Europe/Moscow", "Europe/Moscow"))
    assert found.differs_at is None


def test_a_change_that_lies_ahead_is_seen(tmp_path: Path) -> None:
    found = newest_zone("Europe/Berlin", NOW, system(tmp_path, "2023c", "Europe/Berlin", "Africa/Lagos"))
    assert found.differs_at is not None
    assert (found.differs_at.year, found.differs_at.month) == (2027, 3)


def test_a_system_without_data_leaves_the_package(tmp_path: Path) -> None:
    assert offset("Asia/Almaty", (str(tmp_path),)) == 5


def test_a_name_of_no_zone_is_refused() -> None:
    with pytest.raises((ZoneInfoNotFoundError, ValueError)):
        newest_zone("Europe/Nowhere")
