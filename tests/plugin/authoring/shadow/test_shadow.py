"""A revision decides live calls beside the active one, in a process of its own, and changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from plugin.authoring.revisions.activate import store
from plugin.authoring.shadow.compare import differences
from plugin.authoring.shadow.process import ShadowFailed, ShadowProcess
from plugin.authoring.shadow.records import (
    Shadow,
    ShadowReport,
    begin_shadow,
    end_shadow,
    newest_shadow,
    report_of,
    running_shadow,
)
from plugin.authoring.shadow.watch import ShadowWatch
from plugin.errors import InputError
from tests.plugin.events.support import ALL, CALLS, HALF, Office, at, edited_rules, office_on

#: A process that begins and then answers nothing.
HANGING = (sys.executable, "-c", "import time; input(); print('{\"ready\": 1}', flush=True); time.sleep(60)")
#: One that ends with the first facts.
ENDING = (sys.executable, "-c", "input(); print('{\"ready\": 1}', flush=True); input()")


def _edit(content: dict[str, Any]) -> None:
    """Calls come to nothing; who wants all to stop gets no reminder for the SMS manager; and a term is shorter."""
    rules = content["survey_opt_out/rules.toml"]["rule"]
    (calls,) = [rule for rule in rules if rule.get("outcome") == "exclude_calls" and rule["id"] == "1"]
    calls["outcome"] = "none"
    actions = content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_all"]["action"]
    for action in actions:
        if action["kind"] == "reminder":
            action["roles"] = ["survey_coordinator"]


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    with office_on(ledger_url) as office:
        yield office


def begin(office: Office, edit: Any = _edit) -> Shadow:
    book = edited_rules(edit)
    try:
        with office.ledger.write() as connection:
            store(connection, book, office.clock())
            return begin_shadow(connection, book.revision, "Ольга", office.clock())
    finally:
        book.close()


def watch(office: Office, **options: Any) -> ShadowWatch:
    return ShadowWatch(office.ledger, office.clock, lambda *rules: ShadowProcess(*rules, **options))


def look(watching: ShadowWatch) -> None:
    """What is committed by the first look is looked at by the second."""
    watching.step()
    watching.step()


def report(office: Office) -> ShadowReport:
    with office.ledger.read() as connection:
        shadow = newest_shadow(connection)
        assert shadow is not None
        return report_of(connection, shadow, "telephony")


def test_it_sees_live_calls_and_counts_how_they_differ(office: Office) -> None:
    office.taken(ALL, call={"id": "before"}, id="evt-0")
    begin(office)
    for number in range(3):
        office.taken(CALLS, call={"id": f"c-{number}"}, id=f"evt-c{number}")
    office.taken(ALL, call={"id": "a"}, id="evt-a")
    office.taken(HALF, call={"id": "h"}, id="evt-h", final=True)
    before = office.decisions(), office.deliveries(), office.events()
    watching = watch(office)
    try:
        look(watching)
    finally:
        watching.close()

    told = report(office)
    assert (told.calls, told.waiting, told.shadow.failed) == (5, 0, 0)
    assert {(str(group.kind), group.old, group.new, group.decisions) for group in told.groups} == {
        ("outcome", "exclude_calls", "none", 3),
        ("actions", "comment, remind-sms_manager, remind-survey_coordinator", "comment, remind-survey_coordinator", 1),
        ("people", "sms_manager, survey_coordinator", "survey_coordinator", 1),
        ("due", "remind-sms_manager 24, remind-survey_coordinator 24", "remind-survey_coordinator 24", 1),
    }
    assert (office.decisions(), office.deliveries(), office.events()) == before


def test_a_call_that_is_decided_twice_is_one_call(office: Office) -> None:
    begin(office)
    office.taken(CALLS)
    office.taken(ALL, occurred_at=at(1))
    watching = watch(office)
    try:
        look(watching)
    finally:
        watching.close()
    assert report(office).calls == 1


def test_what_a_source_only_tries_out_is_not_seen(office: Office) -> None:
    sources = tuple(replace(source, dry_run=True) for source in office.settings.sources)
    begin(office)
    office.with_settings(sources=sources).taken(CALLS)
    watching = watch(office)
    try:
        look(watching)
    finally:
        watching.close()
    assert (report(office).calls, report(office).groups) == (0, [])


def test_of_two_that_watch_each_decision_is_counted_once(office: Office) -> None:
    begin(office)
    office.taken(CALLS)
    one, other = watch(office), watch(office)
    try:
        for _ in range(3):
            one.step()
            other.step()
    finally:
        one.close()
        other.close()
    assert [group.decisions for group in report(office).groups] == [1]


@pytest.mark.parametrize("command", [HANGING, ENDING], ids=["hangs", "ends"])
def test_one_that_gives_no_answer_is_passed_over_and_ended_after_failures_in_a_row(
    office: Office, command: tuple[str, ...]
) -> None:
    begin(office)
    for number in range(4):
        office.taken(CALLS, call={"id": f"c-{number}"}, id=f"evt-{number}")
    watching = watch(office, command=command, decision_seconds=0.05)
    look(watching)
    assert report(office).shadow.failed == 4
    office.taken(CALLS, call={"id": "c-9"}, id="evt-9")
    look(watching)
    ended = report(office).shadow
    assert ended.ended_at is not None
    assert ended.why is not None
    assert "не отвечает" in ended.why
    with office.ledger.read() as connection:
        assert running_shadow(connection) is None


def test_a_process_that_cannot_begin_fails() -> None:
    with pytest.raises(ShadowFailed):
        ShadowProcess("r", {}, command=(sys.executable, "-c", "raise SystemExit(1)"))


def test_facts_that_it_does_not_take_are_told(office: Office) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["survey_opt_out/rules.toml"]["rule"] = [
            rule for rule in content["survey_opt_out/rules.toml"]["rule"] if rule.get("outcome") != "exclude_calls"
        ]

    begin(office, edit)
    office.taken(CALLS)
    watching = watch(office)
    try:
        look(watching)
    finally:
        watching.close()
    assert [(group.kind, group.old) for group in report(office).groups] == [("refused", "exclude_calls")]


def test_there_is_one_at_a_time_and_an_ended_one_looks_at_nothing_more(office: Office) -> None:
    shadow = begin(office)
    with pytest.raises(InputError, match="уже решает"):
        begin(office)
    with office.ledger.write() as connection:
        end_shadow(connection, shadow, office.clock())
    office.taken(CALLS)
    look(watch(office))
    assert report(office).calls == 0


def test_due_times_are_compared_by_hours_and_by_working_time() -> None:
    action = {"id": "remind-a", "kind": "reminder", "role": "a", "due_in_hours": 24}
    old, new = {"outcome": "x", "actions": [action]}, {"outcome": "x", "actions": [action | {"due": "working"}]}
    assert [tuple(one) for one in differences(old, new)] == [("due", "remind-a 24", "remind-a 24 (working)")]
    assert differences(old, old) == []
