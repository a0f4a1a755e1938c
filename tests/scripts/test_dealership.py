"""A dealership's own script: three brands, four cities, VIPs, working days, deputies, a reason that may be kept back.

From its folder to what the CRM holds; what is expected comes from a plain reading of the same files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugin.authoring.verification.cases import coverage, run_cases
from plugin.authoring.verification.isolated import check_isolated
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import read_folder
from plugin.deciding.ruleset.values import SKIPPED
from plugin.operator_page.tree import PageTree, grow
from tests.plugin.events.support import Office, office_at
from tests.plugin.promise.watched_crm import Watched
from tests.support.plain_rules import due, evaluate, who

FOLDER = Path(__file__).parent / "dealership"
SCRIPT = "care"
CONTENT = read_folder(FOLDER)[0]
MOSCOW = ZoneInfo("Europe/Moscow")
BRANDS = ("Kia", "Lada", "Haval", None)
CITIES = ("Москва", "Казань", "Самара", "Омск", "Тула", None)
ALL = {"is_client": True, "survey_type": "all", "agreed": True}
#: A Friday afternoon, the last working day before the holidays, when somebody is away, and a working week's evening.
CALLED = ("2026-11-20T15:00", "2026-12-30T12:00", "2026-11-23T20:00")


@pytest.fixture(scope="module")
def book() -> Iterator[Rulebook]:
    rulebook = Rulebook.load(FOLDER)
    yield rulebook
    rulebook.close()


def test_it_is_proven_and_its_cases_reach_all_of_it(book: Rulebook) -> None:
    report, _ = check_isolated(FOLDER)
    assert (report.faults, report.unproven, report.warnings) == ((), (), ())
    results = run_cases(book)
    assert [result.differences for result in results if not result.ok] == []
    assert coverage(book, results).complete


def test_every_conversation_is_decided_as_its_files_read(book: Rulebook) -> None:
    seen = set()
    for conversation in conversations(book.script(SCRIPT)):
        facts = {name: value for name, value in conversation.answers.items() if value is not SKIPPED}
        plain, decision = evaluate(CONTENT, SCRIPT, facts), conversation.decision
        assert decision is not None
        assert {decision.outcome} == plain.outcomes
        assert plain.lacking == ()
        assert tuple((one.id, one.role, one.person) for one in decision.actions) == plain.actions
        seen |= {(one.role, one.person) for one in decision.actions if one.role}
    people = {name: role.get("person") for name, role in CONTENT["roles.toml"]["role"].items()}
    assert seen == {(name, one["name"]) for name, many in people.items() for one in many or ()} | {("head", None)}


@pytest.mark.parametrize("vip", [True, False, None])
def test_the_page_leads_to_the_same_actions_with_or_without_a_reason(book: Rulebook, vip: bool | None) -> None:
    for brand, city in product(BRANDS, CITIES):
        card = {name: one for name, one in (("brand", brand), ("city", city), ("vip", vip)) if one is not None}
        tree = grow(book.script(SCRIPT), card)
        reasons: tuple[dict[str, str], ...] = ({}, {"reason": "Часто звонят"})
        shown = [_shown(tree, {**ALL, **more}) for more in reasons]
        wanted = [one[0] for one in evaluate(CONTENT, SCRIPT, {**card, **ALL}).actions]
        assert shown == [wanted, wanted]


def _shown(tree: PageTree, answers: Mapping[str, Any]) -> list[str]:
    """The actions at the end of a conversation on the page; a question without an answer is skipped."""
    node = tree.nodes[tree.start]
    while "fact" in node:
        value = answers.get(node["fact"])
        if value is None:
            following = node["skip"]
        elif "input" in node:
            following = node["next"]
        else:
            following = next(one["next"] for one in node["answers"] if one["value"] == value)
        node = tree.nodes[following]
    return [action["id"] for action in node["actions"]]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        office.rules.activate(Rulebook.load(FOLDER), "test", "dealership")
        yield office


@pytest.mark.parametrize("called", CALLED)
def test_the_crm_holds_a_reminder_for_each_of_these_people_by_the_calendar(office: Office, called: str) -> None:
    moment = datetime.fromisoformat(called).replace(tzinfo=MOSCOW)
    office.clock.time = moment.astimezone(UTC) + timedelta(minutes=1)
    watched = Watched(office)
    wanted = []
    for number, (brand, city) in enumerate([*product(BRANDS, CITIES)][::2]):
        card = {"brand": brand, "city": city, "vip": number % 3 == 0}
        event = {"id": f"e-{number}", "script": SCRIPT, "occurred_at": moment.isoformat(), "final": True}
        known = {name: one for name, one in card.items() if one is not None}
        watched.office.taken(ALL, call={"id": f"c-{number}"}, card={"id": f"{number}", **known}, **event)
        for action, role, person in evaluate(CONTENT, SCRIPT, {**ALL, **known}).actions:
            if role is not None:
                user, _ = who(CONTENT, role, person, moment.date())
                wanted.append((str(number), user, due(CONTENT, SCRIPT, action, moment).astimezone(UTC)))
    watched.deliver()

    found = []
    for one in watched.connector.reminders():
        assert one.card is not None
        assert one.assignee is not None
        found.append((one.card.id, one.assignee.user, one.due))
    assert sorted(found) == sorted(wanted)
    assert {row["state"] for row in watched.office.deliveries()} == {"done"}


def test_a_mail_on_a_day_away_goes_to_the_deputy_and_says_the_reason(office: Office) -> None:
    watched = Watched(office)
    watched.office.clock.time = datetime(2026, 12, 25, 9, tzinfo=UTC)
    facts = ALL | {"survey_type": "calls", "reason": "Звонят слишком часто"}
    watched.office.taken(facts, script=SCRIPT, card={"brand": "Lada"}, occurred_at="2026-12-25T12:00:00+03:00")
    watched.deliver()

    ((address, subject, text, *_),) = watched.mailer.mails
    assert (address, subject) == (who(CONTENT, "coordinator", "Белова", datetime(2026, 12, 25).date())[1], "ИСКЛЮЧИТЬ")
    assert address == "yudina@example.org"
    assert "Причина: Звонят слишком часто" in text


def test_a_call_that_breaks_off_reminds_the_brands_coordinator_and_the_head(office: Office) -> None:
    watched = Watched(office)
    watched.office.taken({"is_client": True}, script=SCRIPT, card={"brand": "Haval"}, final=True)
    watched.deliver()

    assert [one.assignee.user for one in watched.connector.reminders() if one.assignee] == ["belova", "head"]
