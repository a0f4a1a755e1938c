"""Fixtures: an empty ledger on each database in turn, or on PostgreSQL alone.

Where PostgreSQL cannot be had such tests are skipped and say so; with ``CI=true`` that is a failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from plugin.ledger import Ledger
from tests.support.postgres import VARIABLE, Databases, NoPostgres, PostgresServer, databases, own_server
from tests.support.shared_postgres import shared_databases

T = TypeVar("T")


def server_of_its_own(**options: Any) -> AbstractContextManager[PostgresServer]:
    """A server of the test's own, to be ended and started as it likes."""
    return or_skip(own_server(**options))


@contextmanager
def or_skip(server: AbstractContextManager[T]) -> Iterator[T]:
    """What ``server`` gives; where it raises NoPostgres the test is skipped, or fails with ``CI=true``."""
    try:
        running = server.__enter__()
    except NoPostgres as error:
        why = f"no PostgreSQL to test on: {error}; or set {VARIABLE}"
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield running
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The session's server; where several processes run the tests, one for all of them."""
    with or_skip(_shared(tmp_path_factory) if "PYTEST_XDIST_WORKER" in os.environ else databases()) as found:
        yield found


def _shared(tmp_path_factory: pytest.TempPathFactory) -> AbstractContextManager[Databases]:
    folder = tmp_path_factory.getbasetemp().parent / "postgres"
    folder.mkdir(exist_ok=True)
    return shared_databases(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[str]:
    """The url of an empty ledger with its tables: the test runs once on each database."""
    if request.param == "sqlite":
        shutil.copy(sqlite_template, tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server: Databases = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def postgres_url(postgres: Databases) -> Iterator[str]:
    """The url of an empty ledger with its tables on PostgreSQL."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    _lay_empty_ledger(path)
    return path


def migrate(ledger: Ledger) -> None:
    """What ``ledger.upgrade()`` does; a new SQLite file comes from one that was migrated before, which is quicker."""
    path = ledger._path()
    if path is not None and not path.exists():
        _lay_empty_ledger(path)
    ledger.upgrade()


def _lay_empty_ledger(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Readable by its owner only, as a ledger that is made in place.
    path.touch(0o600)
    path.write_bytes(_empty_ledger())


@cache
def _empty_ledger() -> bytes:
    """A SQLite file with a ledger's tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        ledger = Ledger(f"sqlite:///{path}")
        ledger.upgrade()
        ledger.close()
        return path.read_bytes()
