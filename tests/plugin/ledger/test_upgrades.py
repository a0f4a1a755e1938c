"""Each earlier version's ledger, full of data, is upgraded: nothing is lost, also while that version still writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text

from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import metadata
from plugin.ledger.versions import STEPS
from tests.support.former_ledgers import another_of_each, former_tables, held, lay_former_ledger
from tests.support.postgres import Databases

#: Each migration but the newest; `make check` takes the first and the last of them.
FORMER = STEPS[:-1]
EACH = [pytest.param(one, marks=[] if one in (FORMER[0], FORMER[-1]) else pytest.mark.slow) for one in FORMER]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty database without tables."""
    if request.param == "sqlite":
        with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as found:
            yield found
        return
    server: Databases = request.getfixturevalue("postgres")
    with server.database(migrated=False) as url, closing(Ledger(url)) as found:
        yield found


@pytest.mark.parametrize("version", EACH)
def test_every_row_is_kept_and_what_the_former_version_still_writes_is_taken(ledger: Ledger, version: str) -> None:
    before = lay_former_ledger(ledger, version)
    assert all(before.values())
    with ledger.read() as connection:
        tables = former_tables(connection)
    assert ledger.upgrade().current == version
    with ledger.read() as connection:
        assert held(connection, tables) == before
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    # It names the columns that it knows: newer ones must do without it.
    with ledger.write() as connection:
        for table, row in another_of_each(tables):
            connection.execute(insert(table), row)
    with ledger.read() as connection:
        after = held(connection, tables)
    assert [table.name for table, row in another_of_each(tables) if row not in after[table.name]] == []


@pytest.mark.parametrize("version", [FORMER[0], FORMER[-1]])
def test_an_upgrade_beside_a_version_that_is_writing_loses_none_of_its_events(ledger: Ledger, version: str) -> None:
    before = lay_former_ledger(ledger, version)
    with ledger.read() as connection:
        (events,) = [table for table in former_tables(connection) if table.name == "events"]
    taken: list[str] = []
    begun, over = threading.Event(), threading.Event()
    answer = {column: value for column, value in before["events"][0].items() if column not in ("id", "event_id")}

    def take_in() -> None:
        while not over.is_set():
            event = f"meanwhile-{len(taken)}"
            try:
                with ledger.write() as writing:
                    writing.execute(insert(events), answer | {"event_id": event})
            except LedgerUnavailable:
                continue
            taken.append(event)
            begun.set()

    sender = threading.Thread(target=take_in)
    sender.start()
    try:
        assert begun.wait(30)
        with closing(Ledger(str(ledger._url.render_as_string(hide_password=False)))) as newer:
            newer.upgrade()
    finally:
        over.set()
        sender.join(60)
    with ledger.read() as connection:
        there = connection.execute(text("SELECT event_id FROM events ORDER BY id")).scalars().all()
    assert there[len(before["events"]) :] == taken
