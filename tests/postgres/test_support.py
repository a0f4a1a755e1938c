"""Where PostgreSQL cannot be had, tests that need it say so; where it must be there, its absence is a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.databases import or_skip
from tests.support.postgres import VARIABLE, Databases, NoPostgres, databases


@contextmanager
def missing() -> Iterator[None]:
    raise NoPostgres("no programs")
    yield


def test_a_missing_server_skips_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"no programs; or set {VARIABLE}"), or_skip(missing()):
        pass


def test_a_missing_server_fails_where_tests_must_be_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no programs"), or_skip(missing()):
        pass


def test_any_other_server_can_be_named(monkeypatch: pytest.MonkeyPatch, postgres: Databases) -> None:
    monkeypatch.setenv(VARIABLE, postgres.url)
    with databases() as named:
        assert named.url == postgres.url
        with named.database() as url:
            assert url.startswith("postgresql+psycopg://")
