"""The migrations make exactly the tables that the code uses, from any start, also at once in several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from plugin.errors import ConfigError
from plugin.ledger import Ledger
from plugin.ledger.migrations import upgrade
from plugin.ledger.schema import metadata
from plugin.ledger.versions import HEAD, STEPS
from tests.support.postgres import Databases

#: One row and more of each table, as the first version of the plugin wrote them.
FIRST_VERSION = [
    """INSERT INTO revisions VALUES ('r1', '{"roles.toml": {}}', '2026-11-01 09:00:00.000000')""",
    """INSERT INTO revisions VALUES ('r2', '{"roles.toml": {"role": 1}}', '2026-11-02 09:00:00.000000')""",
    "INSERT INTO activations VALUES (1, 'r1', '2026-11-01 09:00:00.000000', 'serve', 'first start')",
    "INSERT INTO activations VALUES (2, 'r2', '2026-11-02 09:00:00.000000', 'иванова', 'новая фраза')",
    """INSERT INTO calls (id, namespace, call_id, generation, script, phone, first_occurred_at, last_occurred_at,
        deadline_at, late, decision_number, outcome) VALUES (1, 'telephony', 'c-1', 1, 's', '+79161234567',
        '2026-11-02 10:00:00', '2026-11-02 10:00:00', '2026-11-03 10:00:00', false, 1, 'exclude_calls')""",
    """INSERT INTO events (id, source, event_id, digest, received_at, call_ref, facts, final, revision, answer)
        VALUES (1, 'telephony', 'e-1', 'd', '2026-11-02 10:00:01', 1, '{"a": true}', true, 'r2', '{}')""",
    """INSERT INTO decisions (id, call_ref, number, outcome, event_ref, revision, facts, decision, created_at)
        VALUES (1, 1, 1, 'exclude_calls', 1, 'r2', '{"a": true}', '{"outcome": "exclude_calls"}',
        '2026-11-02 10:00:01')""",
    """INSERT INTO deliveries (id, call_ref, decision_ref, key, action, kind, text, deadline_at, state, not_before,
        cancel, attempts, created_at) VALUES (1, 1, 1, 'k', 'comment', 'comment', 'Исключить', '2026-11-03 10:00:00',
        'pending', '2026-11-02 10:00:01', false, 1, '2026-11-02 10:00:01')""",
    """INSERT INTO attempts (id, delivery_ref, at, step, outcome, seconds)
        VALUES (1, 1, '2026-11-02 10:00:02', 'send', 'done', 0.5)""",
]
FIRST_TABLES = ("revisions", "activations", "calls", "events", "decisions", "deliveries", "attempts")
ROOT = str(Path(__file__).parents[3])


def held(connection: Connection) -> dict[str, list[dict[str, object]]]:
    return {
        table: [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
        for table in FIRST_TABLES
    }


def stamp(ledger: Ledger, version: str) -> None:
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def in_processes(code: str, url: str, count: int, folder: Path) -> list[str]:
    """What each of several processes prints that do this at once; they are started elsewhere than in the project."""
    script = f"import sys; sys.path.insert(0, {ROOT!r}); from plugin.ledger import Ledger\n{code}"
    command = [sys.executable, "-W", "error", "-c", script, url]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True) for _ in range(count)]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * count, told
    return [out.strip() for out, _ in told]


# --- refusals --------------------------------------------------------------------------------------


def test_a_ledger_of_a_newer_version_is_refused_with_a_remedy(either: Ledger) -> None:
    stamp(either, "ledger_9999")
    for refused in (either.upgrade, either.make_ready):
        with pytest.raises(ConfigError, match="ledger_9999") as error:
            refused()
        assert "newer" in str(error.value.hint)


def test_postgresql_is_never_upgraded_by_a_mere_start(postgres: Databases) -> None:
    with postgres.database(migrated=False) as url:
        ledger = Ledger(url)
        with pytest.raises(ConfigError, match=f"is empty, this is version {HEAD}") as error:
            ledger.make_ready("optout --config /etc/optout db upgrade")
        assert error.value.hint == "Run: optout --config /etc/optout db upgrade"
        assert ledger.schema().current is None
        with ledger.write() as connection:
            upgrade(connection, "ledger_0001")
        with pytest.raises(ConfigError, match="version ledger_0001"):
            ledger.make_ready()
        ledger.upgrade()
        ledger.make_ready()
        ledger.close()


def test_postgresql_that_cannot_hold_russian_texts_is_refused(postgres: Databases) -> None:
    name = "optout_test_latin"
    postgres.run("CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'", name)
    ledger = Ledger(postgres.url_of(name))
    with pytest.raises(ConfigError, match="SQL_ASCII, not UTF8"):
        ledger.upgrade()
    ledger.close()
    postgres.run("DROP DATABASE {}", name)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    ledger = Ledger(empty_url)

    def break_off() -> None:
        with ledger.write() as connection:
            upgrade(connection)
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert not ledger.exists()
    ledger.close()


# --- what they make --------------------------------------------------------------------------------


def test_modules_are_called_as_their_revisions_and_follow_each_other_in_that_order(url: str) -> None:
    scripts = ScriptDirectory(str(Path(ROOT) / "plugin" / "ledger" / "migrations"))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(STEPS))


def test_the_migrations_make_what_the_schema_says(either: Ledger) -> None:
    with either.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_indexes_are_made_as_the_schema_says(either: Ledger) -> None:
    # compare_metadata does not look at an index's condition.
    wanted = {
        (index.name, tuple(column.name for column in index.columns), index.dialect_options["sqlite"]["where"] is None)
        for table in metadata.tables.values()
        for index in table.indexes
    }
    with either.read() as connection:
        made = {
            (index["name"], tuple(index["column_names"]), not any("where" in name for name in index["dialect_options"]))
            for table in metadata.tables
            for index in inspect(connection).get_indexes(table)
            if not index.get("duplicates_constraint")
        }
    assert made == wanted


def test_the_condition_of_each_partial_index_is_the_schemas(ledger: Ledger) -> None:
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
    bare = {name: where.replace(f"{table}.", "") for table in metadata.tables for name, where in wanted.items()}
    for table in metadata.tables:
        bare = {name: where.replace(f"{table}.", "") for name, where in bare.items()}
    assert made == bare


def test_upgrading_twice_changes_nothing(either: Ledger) -> None:
    assert either.upgrade().pending == ()
    with either.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_ledger_of_the_first_version_keeps_all_it_holds(empty_url: str) -> None:
    ledger = Ledger(empty_url)
    with ledger.write() as connection:
        upgrade(connection, "ledger_0001")
        for statement in FIRST_VERSION:
            connection.exec_driver_sql(statement)
        before = held(connection)
    assert ledger.upgrade().pending == STEPS[1:]
    with ledger.read() as connection:
        after = held(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    for table in FIRST_TABLES:
        known = before[table][0].keys()
        assert [{name: row[name] for name in known} for row in after[table]] == before[table] != []
    ledger.close()


# --- several at once -------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_several_processes_that_upgrade_at_once_one_does_it(empty_url: str, tmp_path: Path) -> None:
    told = in_processes("print(len(Ledger(sys.argv[1]).upgrade().pending))", empty_url, 3, tmp_path)
    # One that only looked when it was done finds nothing to do, and one that waited for it neither.
    assert sorted(told)[:2] == ["0", "0"]
    assert sorted(told)[2] == str(len(STEPS))
    ledger = Ledger(empty_url)
    assert (ledger.exists(), ledger.schema().pending) == (True, ())
    ledger.close()


def test_an_upgrade_waits_for_another_longer_than_a_writer_does(empty_url: str) -> None:
    first, second = Ledger(empty_url), Ledger(empty_url, busy_seconds=0.1)
    done = threading.Event()

    def other() -> None:
        second.upgrade()
        done.set()

    waiting = threading.Thread(target=other)
    with first.write(alone=True):
        waiting.start()
        # Longer than the second one's writers would wait.
        assert not done.wait(0.5)
    waiting.join(60)
    assert done.is_set()
    first.close()
    second.close()


@pytest.mark.slow
def test_new_files_that_several_processes_open_at_the_same_moment_are_opened_by_all(tmp_path: Path) -> None:
    # Each opens the same files, every one at a moment that all of them await.
    code = """
import time
from sqlalchemy import text
start = float(sys.argv[1].rpartition("@")[2])
for number in range(20):
    ledger = Ledger(f"sqlite:///{number}.db")
    while time.time() < start + number * 0.05:
        pass
    with ledger.read() as connection:
        connection.execute(text("SELECT * FROM sqlite_master"))
print("opened")
"""
    assert in_processes(code, f"@{time.time() + 2}", 4, tmp_path) == ["opened"] * 4
