"""A command's rules are named in four ways, and a name that means none or several says what there is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from plugin.cli.ledgers import settings_of
from plugin.cli.rules.sources import opened_ledger, rulebook_named
from plugin.errors import ConfigError, InputError, RulesError
from plugin.ledger.migrations import upgrade
from plugin.ledger.schema import revisions
from tests.plugin.authoring.revisions.conftest import MOMENT, Home
from tests.support.databases import migrate


def named(home: Home, name: str | None) -> str:
    with closing(rulebook_named(home.settings, name)) as rulebook:
        return rulebook.revision


def test_settings_that_are_not_there_are_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        settings_of(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["active", "deadbeef"])
def test_without_a_ledger_nothing_is_active_or_stored_and_none_is_made(home: Home, name: str) -> None:
    with pytest.raises(InputError) as error:
        named(home, name)
    assert "optout rules" in str(error.value)
    assert not home.ledger.exists()
    assert sorted(path.name for path in home.folder.iterdir()) == ["plugin.toml", "rules", "secrets"]


def test_an_open_ledger_is_asked_for_in_vain_where_there_is_none(home: Home) -> None:
    with pytest.raises(InputError, match="Журнала ещё нет"), opened_ledger(home.settings):
        pass


def test_in_a_ledger_without_activations_nothing_is_active(home: Home) -> None:
    migrate(home.ledger)
    with pytest.raises(InputError, match="Активных правил ещё нет"):
        named(home, "active")


@pytest.mark.parametrize("name", ["", "x", "deadbeef", "нет такой", "%", "____", "a\x1b[31mb"])
def test_an_unknown_name_says_which_revisions_there_are(home: Home, name: str) -> None:
    revision = home.activate()
    with pytest.raises(InputError, match=revision) as error:
        named(home, name)
    assert "\x1b" not in str(error.value)


def test_a_beginning_of_several_revisions_names_them(home: Home) -> None:
    home.activate()
    with home.ledger.write() as connection:
        rows = [{"revision": f"abcd{n}", "content": {}, "created_at": MOMENT} for n in range(7)]
        connection.execute(insert(revisions), rows)
    with pytest.raises(InputError, match=r"abcd1.* и другие"):
        named(home, "abcd")


def test_a_folder_that_is_not_there_or_is_no_rules_folder_is_told_as_such(home: Home, tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="такой папки нет"):
        named(home, str(tmp_path / "missing"))
    with pytest.raises(RulesError, match="ни одного скрипта"):
        named(home, str(tmp_path))


def test_no_name_is_the_working_copy(home: Home) -> None:
    before = home.activate()
    home.say("Другой")
    assert named(home, None) != before


def test_active_is_what_the_ledger_says_whatever_the_folder_has_become(home: Home) -> None:
    before = home.activate()
    (home.rules / "roles.toml").write_text("[broken", encoding="utf-8")
    assert named(home, "active") == before


@pytest.mark.parametrize("length", [4, 10, 16])
def test_a_stored_revision_is_named_by_its_beginning(home: Home, length: int) -> None:
    first = home.activate()
    home.say("Другой")
    home.activate()
    assert named(home, first[:length]) == first
    assert named(home, first[:length].upper() if length < 16 else first) == first


def test_a_folder_goes_before_the_beginning_of_a_revision_and_a_whole_revision_before_a_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home.activate()
    home.say("Другой")
    second = named(home, None)
    monkeypatch.chdir(home.folder)
    home.rules.rename(home.folder / first[:6])
    assert named(home, first[:6]) == second
    (home.folder / first[:6]).rename(home.folder / first)
    assert named(home, first) == first
    assert named(home, f"./{first}") == second


def test_a_path_is_that_folder(home: Home) -> None:
    assert named(home, str(home.rules)) == named(home, None)


def test_stored_rules_come_with_the_texts_of_their_files(home: Home) -> None:
    home.activate()
    with closing(rulebook_named(home.settings, "active")) as rulebook:
        assert rulebook.files["roles.toml"].encode() == (home.rules / "roles.toml").read_bytes()
        assert set(rulebook.files) == set(rulebook.content)


def test_a_ledger_of_the_first_version_is_read_as_it_is(home: Home) -> None:
    with closing(rulebook_named(home.settings, None)) as rulebook, home.ledger.write() as connection:
        upgrade(connection, "ledger_0001")
        row = {"revision": rulebook.revision, "content": rulebook.content, "at": MOMENT}
        columns = insert(revisions).values(revision=row["revision"], content=row["content"], created_at=row["at"])
        connection.execute(columns)
        connection.execute(
            text("INSERT INTO activations VALUES (1, :revision, '2026-11-22 07:15:00', 'serve', 'first start')"), row
        )
    with closing(rulebook_named(home.settings, "active")) as stored:
        assert (stored.revision, stored.files) == (row["revision"], {})
