"""The CRM's database is its owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.embedded.crm.store import CrmStore, StoreUnusable


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.usefixtures("umask")
def test_its_files_are_private_under_any_umask(tmp_path: Path) -> None:
    store = CrmStore(tmp_path / "crm.db")
    with store.transaction() as db:
        db.execute("INSERT INTO users VALUES ('1', 'Анна', NULL)")
    assert modes(tmp_path) == {0o600}
    store.close()
    assert modes(tmp_path) == {0o600}


def test_a_file_that_everybody_could_read_becomes_private(tmp_path: Path) -> None:
    CrmStore(tmp_path / "crm.db").close()
    (tmp_path / "crm.db").chmod(0o644)
    CrmStore(tmp_path / "crm.db").close()
    assert modes(tmp_path) == {0o600}


def test_another_programs_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "crm.db").write_text("not a database at all, but somebody's text")
    (tmp_path / "crm.db").chmod(0o644)
    with pytest.raises(StoreUnusable):
        CrmStore(tmp_path / "crm.db")
    assert modes(tmp_path) == {0o644}
