"""The active rules change one at a time, whoever changes them, and the record says what was replaced."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from plugin.authoring.revisions.activate import ActivationChange, activate
from plugin.authoring.revisions.archive import (
    activation_history,
    find_revision,
    newest_activation,
    stored_content,
    stored_files,
    stored_rulebook,
)
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import revisions

SHIPPED = Path(__file__).parents[4] / "rules"
MOMENT = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def books() -> Iterator[list[Rulebook]]:
    """Revisions that differ in a label."""
    shipped = Rulebook.load(SHIPPED)
    made = [shipped]
    for number in range(5):
        content = copy.deepcopy(shipped.content)
        content["roles.toml"]["role"]["survey_coordinator"]["label"] = f"роль {number}"
        made.append(Rulebook.from_content(content, {**shipped.files, "roles.toml": f"# {number}\n"}))
    yield made
    for book in made:
        book.close()


def make_active(ledger: Ledger, book: Rulebook) -> ActivationChange:
    return activate(ledger, book, at=MOMENT, by="иванова", reason="так надо")


def test_what_cannot_be_committed_leaves_the_record_as_it_was(url: str, books: list[Rulebook]) -> None:
    busy, ledger = Ledger(url), Ledger(url, busy_seconds=0.1)
    ledger.upgrade()
    make_active(ledger, books[0])
    with busy.write(), pytest.raises(LedgerUnavailable):
        make_active(ledger, books[1])
    with ledger.read() as connection:
        assert [each.revision for each in activation_history(connection)] == [books[0].revision]
    for each in (busy, ledger):
        each.close()


def test_a_change_that_is_not_wanted_after_all_leaves_nothing(either: Ledger, books: list[Rulebook]) -> None:
    make_active(either, books[0])
    seen = []

    def never(active: object) -> bool:
        seen.append(active)
        return True

    change = activate(either, books[1], at=MOMENT, by="a", reason="b", unless=never)
    with either.read() as connection:
        newest = newest_activation(connection)
        assert connection.execute(select(func.count()).select_from(revisions)).scalar_one() == 1
    assert (change.made, change.previous) == (None, newest)
    assert seen == [newest]


def test_a_revision_is_stored_once_with_its_texts_of_the_last_time(either: Ledger, books: list[Rulebook]) -> None:
    for book in (books[1], books[2], books[1]):
        make_active(either, book)
    again = Rulebook.from_content(books[1].content, {"roles.toml": "# другие слова\r\n"})
    make_active(either, again)
    again.close()
    with either.read() as connection:
        assert [each.revision for each in activation_history(connection, 2)] == [books[1].revision] * 2
        assert connection.execute(select(func.count()).select_from(revisions)).scalar_one() == 2
        assert stored_files(connection, books[1].revision) == {"roles.toml": "# другие слова\r\n"}
        assert stored_files(connection, books[2].revision)["roles.toml"] == "# 1\n"
        assert stored_content(connection, books[1].revision) == books[1].content


def test_texts_that_are_not_at_hand_do_not_wipe_out_those_that_are_stored(
    either: Ledger, books: list[Rulebook]
) -> None:
    make_active(either, books[1])
    with closing(Rulebook.from_content(books[1].content)) as without_texts:
        make_active(either, without_texts)
    with either.read() as connection, closing(stored_rulebook(connection, books[1].revision, with_files=True)) as book:
        assert book.files == books[1].files


def test_a_revision_is_found_by_its_beginning(either: Ledger, books: list[Rulebook]) -> None:
    make_active(either, books[1])
    with either.read() as connection:
        assert find_revision(connection, books[1].revision[:5]) == books[1].revision


def test_changes_at_once_come_one_after_another_and_each_knows_what_it_replaced(
    ledger_url: str, books: list[Rulebook]
) -> None:
    changes: list[ActivationChange] = []
    failures: list[BaseException] = []
    start = threading.Barrier(len(books))

    def run(book: Rulebook) -> None:
        # Each with connections of its own, as on another machine.
        ledger = Ledger(ledger_url)
        try:
            start.wait(30)
            for _ in range(5):
                changes.append(make_active(ledger, book))
        except BaseException as error:
            failures.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=run, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    ledger = Ledger(ledger_url)
    with ledger.read() as connection:
        record = activation_history(connection)[::-1]
    ledger.close()
    made = sorted(
        (change for change in changes if change.made), key=lambda change: change.made.id if change.made else 0
    )
    assert [change.made for change in made] == record
    assert [change.previous for change in made] == [None, *record[:-1]]
    assert len(record) == 5 * len(books)
