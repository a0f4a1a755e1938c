"""The migrations make exactly the tables that the code uses, from any start, also at once in several processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from plugin.errors import ConfigError
from plugin.ledger import Ledger
from plugin.ledger.migrations import upgrade
from plugin.ledger.schema import metadata


def test_a_ledger_of_a_newer_version_is_refused_with_a_remedy(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ledger_9999'"))
    with pytest.raises(ConfigError, match="ledger_9999") as error:
        ledger.upgrade()
    assert "newer" in str(error.value.hint)


def test_the_migrations_make_what_the_schema_says(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_partial_indexes_are_made_as_the_schema_says(ledger: Ledger) -> None:
    # compare_metadata does not look at an index's condition.
    wanted = {
        index.name: str(index.dialect_options["sqlite"]["where"].compile(compile_kwargs={"literal_binds": True}))
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    with ledger.read() as connection:
        made = {
            index["name"]: str(index["dialect_options"]["sqlite_where"])
            for table in metadata.tables
            for index in inspect(connection).get_indexes(table)
            if index.get("dialect_options")
        }
    assert made == {name: where.replace("calls.", "").replace("deliveries.", "") for name, where in wanted.items()}


def test_upgrading_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.upgrade()
    with ledger.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_an_upgrade_that_fails_leaves_nothing_behind(url: str) -> None:
    ledger = Ledger(url)

    def break_off() -> None:
        with ledger.write() as connection:
            upgrade(connection)
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert not ledger.exists()
    ledger.close()


def test_several_processes_may_upgrade_the_same_ledger_at_once(url: str, tmp_path: Path) -> None:
    code = "import sys; from plugin.ledger import Ledger; Ledger(sys.argv[1]).upgrade()"
    # Started elsewhere: the migrations are found by their package, not by the current folder.
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {root!r}); {code}", url]
    running = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    ledger = Ledger(url)
    assert ledger.exists()
    ledger.close()
