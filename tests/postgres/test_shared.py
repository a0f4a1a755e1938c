"""The processes of a test run use one server, which ends after the last of them, however that ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support import shared_postgres
from tests.support.databases import or_skip
from tests.support.postgres import VARIABLE, NoPostgres
from tests.support.processes import ROOT, wait_until
from tests.support.shared_postgres import shared_databases

pytestmark = pytest.mark.slow

USER = """
import sys
from pathlib import Path
from tests.support.shared_postgres import shared_databases
with shared_databases(Path(sys.argv[1])) as server, server.database() as url:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", USER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def is_gone(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return True
    return False


def test_the_server_outlives_the_process_that_started_it_and_ends_with_the_last(tmp_path: Path) -> None:
    with another_process(tmp_path) as first:
        url = url_of(first)
        if not url:
            pytest.skip("no PostgreSQL to test on")
        with or_skip(shared_databases(tmp_path)) as server:
            assert server.url == url
            first.kill()
            first.wait()
            with server.database() as database:
                assert database.startswith("postgresql+psycopg://")
            assert not is_gone(url)
    wait_until(lambda: is_gone(url), 60)


def test_it_ends_after_a_process_that_was_killed(tmp_path: Path) -> None:
    with another_process(tmp_path) as only:
        url = url_of(only)
        if not url:
            pytest.skip("no PostgreSQL to test on")
        assert not is_gone(url)
    wait_until(lambda: is_gone(url), 60)


def test_who_comes_after_the_last_gets_a_new_one(tmp_path: Path) -> None:
    with or_skip(shared_databases(tmp_path)):
        pass
    with or_skip(shared_databases(tmp_path)) as server, server.database():
        pass


def test_why_there_is_none_is_told_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def none() -> Iterator[None]:
        raise NoPostgres("no programs")
        yield

    monkeypatch.setattr(shared_postgres, "databases", none)
    shared_postgres.keep(tmp_path)
    for _ in range(2):
        with pytest.raises(NoPostgres, match="no programs"), shared_databases(tmp_path):
            pass
