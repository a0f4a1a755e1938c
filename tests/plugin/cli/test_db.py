"""``optout db`` tells which version the tables are of, and brings them to this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from plugin.cli.main import main
from plugin.ledger import Ledger
from plugin.ledger.migrations import upgrade
from plugin.ledger.versions import HEAD, STEPS
from tests.support.postgres import Databases

_SETTINGS = """
[plugin]
id = "optout"
version = "1.0.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[ledger]
url = "{url}"

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:9"
token = {{ env = "A_SECRET_THAT_IS_NOT_SET" }}
"""


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def home(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder whose ledger has no tables yet."""
    url, opened = "sqlite:///ledger.db", None
    if kind == "PostgreSQL":
        databases: Databases = request.getfixturevalue("postgres")
        opened = databases.database(migrated=False)
        url = opened.__enter__()
    (tmp_path / "plugin.toml").write_text(_SETTINGS.format(url=url), encoding="utf-8")
    (tmp_path / "url").write_text(url.replace("ledger.db", f"{tmp_path}/ledger.db"))
    yield tmp_path
    if opened is not None:
        opened.__exit__(None, None, None)


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger((home / "url").read_text())
    yield ledger
    ledger.close()


def db(home: Path, command: str) -> int:
    return main(["--config", str(home), "db", command])


def test_a_ledger_of_a_newer_version_is_neither_upgraded_nor_called_up_to_date(
    home: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    db(home, "upgrade")
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ledger_9999'"))
    for command in ("status", "upgrade"):
        assert db(home, command) == 2
        assert "ledger_9999" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve"], ["web"], ["deliver"], ["calls", "list"], ["purge", "--dry-run"]])
def test_an_older_version_refuses_the_ledger_of_a_newer_one_in_words(
    home: Path, ledger: Ledger, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_THAT_IS_NOT_SET", "set-after-all")
    ledger.upgrade()
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ledger_9999'"))
    assert main(["--config", str(home), *command]) == 2
    told = capsys.readouterr().err
    assert f"its tables are of version ledger_9999, this knows {HEAD}" in told
    assert "Use the version of the plugin that upgraded it, or a newer one" in told


def test_a_server_that_cannot_be_reached_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql://nobody@/nothing?host={tmp_path}"
    (tmp_path / "plugin.toml").write_text(_SETTINGS.format(url=url), encoding="utf-8")
    for command in ("status", "upgrade"):
        assert db(tmp_path, command) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("optout: the ledger cannot be used now: ")
        assert said.err.count("\n") == 1


def test_looking_at_a_ledger_that_is_not_there_creates_nothing(
    home: Path, kind: str, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert db(home, "status") == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"ledger: {kind}, no tables yet"
    assert said[2].startswith(f"run: optout --config {home} db upgrade")
    assert not (home / "ledger.db").exists()
    assert not ledger.exists()


def test_tables_are_created_and_then_up_to_date(home: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert db(home, "upgrade") == 0
    assert capsys.readouterr().out == f"ledger: {kind}, tables of version {HEAD} created\n"
    assert db(home, "status") == 0
    assert capsys.readouterr().out == f"ledger: {kind}, version {HEAD}\nup to date\n"
    assert db(home, "upgrade") == 0
    assert capsys.readouterr().out == f"ledger: {kind}, version {HEAD} already\n"


def test_an_old_ledger_is_told_what_it_lacks_and_upgraded(
    home: Path, kind: str, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger.write() as connection:
        upgrade(connection, STEPS[0])
    assert db(home, "status") == 1
    assert f"to be upgraded to {HEAD}: {', '.join(STEPS[1:])}" in capsys.readouterr().out
    assert db(home, "upgrade") == 0
    assert capsys.readouterr().out == f"ledger: {kind}, upgraded from version {STEPS[0]} to {HEAD}\n"
    assert ledger.schema().pending == ()
