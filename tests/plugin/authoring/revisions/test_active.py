"""The active rules are followed while running, and the last good ones stay when something is wrong."""

from __future__ import annotations

import copy
import json
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import func, insert, select, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.values import Facts
from plugin.errors import ConfigError, EngineError, InputError, LedgerUnavailable, RulesError
from plugin.ledger import Ledger
from plugin.ledger.schema import activations, revisions

SHIPPED = Path(__file__).parents[4] / "rules"

#: Makes a revision: the shipped rules with the coordinator's label changed to this.
Revise = Callable[[str], Rulebook]


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def revise(tmp_path: Path) -> Revise:
    def revise(label: str) -> Rulebook:
        folder = tmp_path / label
        shutil.copytree(SHIPPED, folder)
        roles = folder / "roles.toml"
        lines = roles.read_text(encoding="utf-8").splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("label"))
        lines[first] = f'label = "{label}"'
        roles.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Rulebook.load(folder)

    return revise


@pytest.fixture
def rules(ledger: Ledger, clock: Clock) -> Iterator[ActiveRules]:
    rules = ActiveRules(ledger, clock)
    yield rules
    rules.close()


@pytest.fixture
def elsewhere(url: str, clock: Clock) -> Iterator[ActiveRules]:
    """The same ledger as another process sees it."""
    ledger = Ledger(url)
    rules = ActiveRules(ledger, clock)
    yield rules
    rules.close()
    ledger.close()


def activated(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger.read() as connection:
        rows = connection.execute(select(activations).order_by(activations.c.id))
        return [(row.revision, row.by, row.reason) for row in rows]


def test_without_an_activation_there_are_no_rules_and_the_remedy_is_told(rules: ActiveRules) -> None:
    with pytest.raises(ConfigError, match="no active rules") as error:
        rules.current()
    assert error.value.hint


def test_a_ledger_that_cannot_be_read_at_the_start_is_unavailable(url: str, clock: Clock) -> None:
    ledger = Ledger(url)
    with pytest.raises(LedgerUnavailable):
        ActiveRules(ledger, clock).current()
    ledger.close()


def test_a_revision_that_the_ledger_does_not_know_is_bad_input(rules: ActiveRules, revise: Revise) -> None:
    rules.activate(revise("один"), "test", "start")
    with pytest.raises(InputError, match="no revision 'deadbeef'"):
        rules.at("deadbeef")


def test_rules_that_no_longer_compile_leave_the_last_good_ones_active(
    rules: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise
) -> None:
    good = revise("один")
    rules.activate(good, "test", "start")
    with ledger.write() as connection:
        connection.execute(insert(revisions), {"revision": "broken", "content": {"no": "rules"}, "created_at": clock()})
        row = {"revision": "broken", "activated_at": clock(), "by": "test", "reason": "to see"}
        connection.execute(insert(activations), row)
    clock.pass_(1)
    assert rules.current() is good
    better = revise("два")
    rules.activate(better, "test", "repair")
    assert rules.current() is better


@pytest.mark.parametrize("content", ["{not json", "null", '{"no": "rules"}', "of another revision"])
def test_a_damaged_revision_is_told_of_once_and_the_last_good_one_decides_on(
    rules: ActiveRules, elsewhere: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise, content: str
) -> None:
    good = revise("один")
    rules.activate(good, "test", "start")
    assert elsewhere.current().revision == good.revision
    damaged = revise("два")
    if content == "of another revision":
        content = json.dumps(revise("три").content)
    rules.activate(damaged, "test", "change")
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE revisions SET content = ? WHERE revision = ?", (content, damaged.revision))
    with structlog.testing.capture_logs() as logged:
        for _ in range(5):
            clock.pass_(1)
            assert elsewhere.current().revision == good.revision
    assert [entry["event"] for entry in logged] == ["rules.not_followed"]
    assert logged[0]["log_level"] == "error"
    with pytest.raises(RulesError):
        elsewhere.at(damaged.revision)


def test_a_process_that_starts_while_the_newest_is_damaged_takes_the_last_good_one(
    rules: ActiveRules, elsewhere: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise
) -> None:
    one, two, three = revise("один"), revise("два"), revise("три")
    for book in (one, two):
        rules.activate(book, "test", "change")
    with ledger.write() as connection:
        query = update(revisions).where(revisions.c.revision == two.revision)
        connection.execute(query.values(content={"no": "rules"}))
    with structlog.testing.capture_logs() as logged:
        assert elsewhere.current().revision == one.revision
        clock.pass_(1)
        assert elsewhere.current().revision == one.revision
    assert [entry["event"] for entry in logged] == ["rules.not_followed"]
    rules.activate(three, "test", "repair")
    clock.pass_(1)
    assert elsewhere.current().revision == three.revision


def test_a_ledger_that_goes_away_while_following_is_followed_once_it_is_back(
    rules: ActiveRules, elsewhere: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    assert elsewhere.current().revision == one.revision
    rules.activate(two, "test", "change")
    # The activation can be read, the revision itself cannot for the moment.
    with ledger.write() as connection:
        connection.exec_driver_sql("ALTER TABLE revisions RENAME TO gone")
    clock.pass_(1)
    assert elsewhere.current().revision == one.revision
    with ledger.write() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO revisions")
    clock.pass_(1)
    assert elsewhere.current().revision == two.revision


def test_rules_that_never_compiled_are_told_as_what_they_are(rules: ActiveRules, ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as connection:
        connection.execute(insert(revisions), {"revision": "broken", "content": {"no": "rules"}, "created_at": clock()})
        row = {"revision": "broken", "activated_at": clock(), "by": "test", "reason": "to see"}
        connection.execute(insert(activations), row)
    with pytest.raises(RulesError):
        rules.current()


def test_a_ledger_that_goes_away_leaves_the_last_good_rules_active(
    rules: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise
) -> None:
    good = revise("один")
    rules.activate(good, "test", "start")
    with ledger.write() as connection:
        connection.exec_driver_sql("ALTER TABLE activations RENAME TO gone")
    clock.pass_(1)
    assert rules.current() is good


def test_an_activation_counts_at_once_and_is_on_record(rules: ActiveRules, ledger: Ledger, revise: Revise) -> None:
    book = revise("один")
    rules.activate(book, "иванова", "новый координатор")
    assert rules.current().revision == book.revision
    assert activated(ledger) == [(book.revision, "иванова", "новый координатор")]


def test_going_back_to_an_earlier_revision_keeps_its_content_once(
    rules: ActiveRules, ledger: Ledger, revise: Revise
) -> None:
    one, two, again = revise("один"), revise("два"), revise("один ")
    assert one.revision != again.revision
    for book in (one, two, one):
        rules.activate(book, "test", "change")
    assert rules.current() is one
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(revisions)).scalar_one() == 2
    assert [revision for revision, _, _ in activated(ledger)] == [one.revision, two.revision, one.revision]


def test_the_first_activation_is_made_once_only(
    rules: ActiveRules, elsewhere: ActiveRules, ledger: Ledger, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    assert rules.activate_first(one, "serve", "first start")
    assert not elsewhere.activate_first(two, "serve", "first start")
    assert elsewhere.current().revision == one.revision
    assert len(activated(ledger)) == 1


def test_another_process_follows_within_a_second(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    assert elsewhere.current().revision == one.revision
    rules.activate(two, "test", "change")
    assert elsewhere.current().revision == one.revision
    clock.pass_(1)
    assert elsewhere.current().revision == two.revision


def test_after_a_long_silence_nobody_gets_what_was_active_then(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    assert elsewhere.current().revision == one.revision
    clock.pass_(3600)
    rules.activate(two, "test", "change")
    clock.pass_(3600)
    # All at once, so that most of them find another thread looking already.
    start = threading.Barrier(8)
    found: list[str] = []

    def ask() -> None:
        start.wait(10)
        found.append(elsewhere.current().revision)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [two.revision] * 8


def test_while_one_thread_compiles_the_others_go_on_with_what_is_not_too_old(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    assert elsewhere.current().revision == one.revision
    rules.activate(two, "test", "change")
    clock.pass_(1.2)
    # Somebody else holds the lock, as a thread that compiles does.
    with elsewhere._lock:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(elsewhere.current().revision))
        thread.start()
        thread.join(10)
        assert found == [one.revision]
    assert elsewhere.current().revision == two.revision


def test_a_clock_that_is_put_back_does_not_keep_old_rules(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    assert elsewhere.current().revision == one.revision
    rules.activate(two, "test", "change")
    clock.pass_(-7200)
    assert elsewhere.current().revision == two.revision


def test_the_ledger_is_looked_at_once_a_second_at_most(
    rules: ActiveRules, ledger: Ledger, clock: Clock, revise: Revise
) -> None:
    rules.activate(revise("один"), "test", "start")
    rules.current()
    with ledger.write() as connection:
        connection.execute(update(activations).values(reason="unseen"))
        # While this lock is held a look at the ledger from another connection still works: what counts is that none
        # is needed, so that the table may even be missing.
        connection.exec_driver_sql("ALTER TABLE activations RENAME TO gone")
    clock.pass_(0.9)
    for _ in range(1000):
        rules.current()


def test_a_pinned_revision_decides_as_it_did_after_newer_ones(
    rules: ActiveRules, elsewhere: ActiveRules, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    rules.activate(two, "test", "change")
    pinned = elsewhere.at(one.revision)
    assert pinned.revision == one.revision
    facts: Facts = {"related_to_car": True, "survey_type": "calls", "agreed_to_warning": "yes"}
    decided = [book.script("survey_opt_out").decide(facts) for book in (one, pinned)]
    assert decided[0].to_json() == decided[1].to_json()


def test_a_revision_is_compiled_once_however_many_ask_for_it(
    rules: ActiveRules, elsewhere: ActiveRules, revise: Revise
) -> None:
    one, two = revise("один"), revise("два")
    rules.activate(one, "test", "start")
    rules.activate(two, "test", "change")
    found: list[Rulebook] = []
    threads = [threading.Thread(target=lambda: found.append(elsewhere.at(one.revision))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len({id(book) for book in found}) == 1


def decides(book: Rulebook) -> bool:
    """Whether its engines are still there. New facts each time: what was asked before is remembered without them."""
    facts: Facts = {"related_to_car": True, "survey_type": "calls"}
    try:
        book.script("survey_opt_out").path(facts)
    except EngineError:
        return False
    return True


def test_the_engines_of_old_revisions_are_freed_but_never_in_somebodys_hands(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    books = [revise(f"роль {number}") for number in range(12)]
    for book in books:
        rules.activate(book, "test", "change")
    assert elsewhere.current().revision == books[-1].revision
    held = elsewhere.at(books[0].revision)
    let_go = elsewhere.at(books[1].revision)
    deciders = list(let_go.scripts.values())
    for book in books[2:]:
        elsewhere.at(book.revision)
    # Both are out of the cache by now.
    assert elsewhere.at(books[0].revision) is not held
    del let_go
    clock.pass_(3600)
    assert elsewhere.current().revision == books[-1].revision
    assert decides(held)
    for decider in deciders:
        with pytest.raises(EngineError, match="closed"):
            decider.path({})


@pytest.mark.slow
def test_many_activations_keep_a_bounded_number_of_engines(
    rules: ActiveRules, elsewhere: ActiveRules, clock: Clock, revise: Revise
) -> None:
    made = [revise(f"роль {number}") for number in range(3)]
    contents = [book.content for book in made]
    seen: list[weakref.ref[Rulebook]] = []
    for number in range(60):
        content = copy.deepcopy(contents[number % 3])
        content["roles.toml"]["role"]["survey_coordinator"]["label"] = f"роль {number}"
        rules.activate(Rulebook.from_content(content), "test", "change")
        clock.pass_(1)
        seen += [weakref.ref(rules.current()), weakref.ref(elsewhere.current())]
    alive = [book for book in (each() for each in seen) if book is not None]
    assert len({id(book) for book in alive}) <= 2 * 9
