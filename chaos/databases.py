"""The ledgers of the runs: a file, or a database of its own on a real PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import VARIABLE, Databases, NoPostgres, own_server

KINDS = ("sqlite", "postgres")


class NoDatabase(Exception):
    """There is no such database to be had here; the message says why."""


@contextmanager
def ledger_url(kind: str, folder: Path) -> Iterator[str]:
    """The url of an empty ledger, for the length of the block. Raises NoDatabase."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'ledger.db'}"
        return
    with _server() as databases, databases.database(migrated=False) as url:
        yield url


@contextmanager
def _server() -> Iterator[Databases]:
    given = os.environ.get(VARIABLE)
    if given:
        yield Databases(given)
        return
    try:
        server = own_server(autovacuum="off")
        running = server.__enter__()
    except NoPostgres as why:
        raise NoDatabase(str(why)) from None
    try:
        yield Databases(running.url)
    finally:
        server.__exit__(None, None, None)
