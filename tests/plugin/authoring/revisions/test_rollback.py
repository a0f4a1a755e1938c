"""Any earlier state of the rules comes back with one command, and that can be undone as well."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger.migrations import upgrade
from plugin.ledger.schema import activations, revisions
from tests.plugin.authoring.revisions.conftest import MOMENT, Home, Rules
from tests.support.databases import migrate

SIGNED = ("--by", "петрова", "--reason", "ошибка в фразе")


def revisions_of(home: Home, *phrases: str) -> list[str]:
    """Activate these one after another."""
    found = []
    for phrase in phrases:
        home.say(phrase)
        found.append(home.activate())
    return found


def active(home: Home) -> str:
    return home.activated()[-1][0]


# --- what does not come back -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--as-of", "2026-11-20"), "Тогда активных правил ещё не было"),
        (("--as-of", "вторник"), "не похоже на время"),
        (("abcd", "--as-of", "2026-11-22"), "REVISION is given besides"),
    ],
)
def test_a_time_that_names_no_rules_is_refused(home: Home, rules: Rules, arguments: tuple[str, ...], told: str) -> None:
    revisions_of(home, "раз", "два")
    said = rules("rollback", *arguments, *SIGNED)
    assert said.status == 2
    assert told in said.err
    assert len(home.activated()) == 2


def test_without_a_ledger_there_is_nothing_to_come_back(home: Home, rules: Rules) -> None:
    said = rules("rollback", *SIGNED)
    assert (said.status, said.out) == (2, "")
    assert not home.ledger.exists()


def test_a_ledger_in_which_nothing_was_ever_active_says_so(home: Home, rules: Rules) -> None:
    migrate(home.ledger)
    assert rules("rollback", *SIGNED).status == 2
    assert home.activated() == []


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--reason", "r"), "--by"),
        (("--by", "b"), "--reason"),
        (("--by", " \t", "--reason", "r"), "--by"),
        (("--by", "b", "--reason", "\n\x1b"), "--reason"),
    ],
)
def test_who_and_why_are_wanted(home: Home, rules: Rules, arguments: tuple[str, ...], names: str) -> None:
    revisions_of(home, "раз", "два")
    said = rules("rollback", *arguments)
    assert said.status == 2
    assert names in said.err
    assert len(home.activated()) == 2


def test_before_the_first_there_is_none(home: Home, rules: Rules) -> None:
    home.activate()
    home.activate()
    said = rules("rollback", *SIGNED)
    assert said.status == 2
    assert "не была ни одна другая" in said.err
    assert len(home.activated()) == 2


@pytest.mark.parametrize("name", ["ffff0000", "x", "", "%%%%"])
def test_an_unknown_revision_says_which_there_are(home: Home, rules: Rules, name: str) -> None:
    known = revisions_of(home, "раз", "два")
    said = rules("rollback", name, *SIGNED)
    assert said.status == 2
    assert all(revision in said.err for revision in known)
    assert len(home.activated()) == 2


def test_an_ambiguous_beginning_names_those_it_may_mean(home: Home, rules: Rules) -> None:
    home.activate()
    with home.ledger.write() as connection:
        rows = [{"revision": f"abcd{n}", "content": {}, "created_at": MOMENT} for n in range(2)]
        connection.execute(insert(revisions), rows)
    said = rules("rollback", "abcd", *SIGNED)
    assert said.status == 2
    assert "abcd0" in said.err
    assert "abcd1" in said.err
    assert len(home.activated()) == 1


@pytest.mark.parametrize("content", ["{not json", "null", "[]", '{"roles.toml": {}}', '{"no": "rules"}'])
def test_a_damaged_revision_does_not_come_back(home: Home, rules: Rules, content: str) -> None:
    damaged, _ = revisions_of(home, "раз", "два")
    with home.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE revisions SET content = ? WHERE revision = ?", (content, damaged))
    said = rules("rollback", damaged, *SIGNED)
    assert (said.status, said.out) == (2, "")
    assert len(home.activated()) == 2


def test_a_revision_whose_content_is_another_ones_does_not_come_back(home: Home, rules: Rules) -> None:
    first, _ = revisions_of(home, "раз", "два")
    with home.ledger.write() as connection:
        home.say("три")
        content = Rulebook.load(home.rules).content
        connection.execute(update(revisions).where(revisions.c.revision == first).values(content=content))
    said = rules("rollback", first, *SIGNED)
    assert said.status == 2
    assert "повреждена" in said.err


def test_what_is_active_already_is_not_made_active_once_more(home: Home, rules: Rules) -> None:
    _, second = revisions_of(home, "раз", "два")
    said = rules("rollback", second[:8], *SIGNED)
    assert said.status == 0
    assert f"Редакция {second} уже активна" in said.out
    assert len(home.activated()) == 2


# --- what does -------------------------------------------------------------------------------------


def test_without_a_name_the_one_before_the_active_comes_back_and_is_on_record(home: Home, rules: Rules) -> None:
    _, second, third = revisions_of(home, "раз", "два", "три")
    said = rules("rollback", *SIGNED)
    assert (said.status, said.err) == (0, "")
    assert f"Снова активна редакция {second}." in said.out
    assert third in said.out
    assert home.activated()[-1] == (second, "петрова", "ошибка в фразе")
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_rolling_back_once_more_undoes_it(home: Home, rules: Rules) -> None:
    first, second = revisions_of(home, "раз", "два")
    for expected in (first, second, first):
        assert rules("rollback", *SIGNED).status == 0
        assert active(home) == expected


def test_the_same_revision_activated_twice_is_not_the_one_before(home: Home, rules: Rules) -> None:
    first, _ = revisions_of(home, "раз", "два")
    home.activate()
    rules("rollback", *SIGNED)
    assert active(home) == first


def test_any_earlier_revision_comes_back_by_its_beginning(home: Home, rules: Rules) -> None:
    first, *_ = revisions_of(home, "раз", "два", "три")
    assert rules("rollback", first[:6], *SIGNED).status == 0
    assert active(home) == first


def test_the_folder_is_not_touched_and_the_way_to_the_files_is_told(home: Home, rules: Rules) -> None:
    first, _ = revisions_of(home, "раз", "два")
    before = (home.rules / "roles.toml").read_bytes()
    said = rules("rollback", *SIGNED)
    assert f"optout rules export {first}" in said.out
    assert (home.rules / "roles.toml").read_bytes() == before


def test_who_and_why_are_kept_on_one_line(home: Home, rules: Rules) -> None:
    revisions_of(home, "раз", "два")
    rules("rollback", "--by", "  Петрова \n Анна ", "--reason", "раз\tдва\x1b")
    assert home.activated()[-1][1:] == ("Петрова Анна", "раз два")


def test_a_ledger_of_the_first_version_is_brought_up_to_date(home: Home, rules: Rules) -> None:
    books = []
    for phrase in ("раз", "два"):
        home.say(phrase)
        books.append(Rulebook.load(home.rules))
    with home.ledger.write() as connection:
        upgrade(connection, "ledger_0001")
        for book in books:
            stored = {"revision": book.revision, "content": book.content, "created_at": MOMENT}
            connection.execute(insert(revisions).values(**stored))
            row = {"revision": book.revision, "activated_at": MOMENT, "by": "serve", "reason": "first start"}
            connection.execute(insert(activations), row)
    assert rules("rollback", *SIGNED).status == 0
    assert active(home) == books[0].revision


def test_the_rules_of_a_moment_come_back(home: Home, rules: Rules) -> None:
    first, second, third = revisions_of(home, "раз", "два", "три")
    # A minute lies between one and the next; the deployment's clocks are three hours ahead.
    said = rules("rollback", "--as-of", "2026-11-22 10:16", *SIGNED)
    assert said.status == 0, said.err
    assert active(home) == second
    assert rules("rollback", "--as-of", "2026-11-22T07:15:30Z", *SIGNED).status == 0
    assert active(home) == first
    assert third not in (first, second)
