"""The shipped script by which a client withdraws an exclusion: every conversation, and what reaches whom.

The paper script has no such conversation; the table here was written by hand from what it must undo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification import ProofLimits, prove
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.decision.model import Decision
from plugin.errors import BadFacts
from tests.plugin.events.support import Office, at, call_result, office_at

RULES = Path(__file__).parents[2] / "rules"
SCRIPT = "survey_opt_in"
BOTH = ("survey_coordinator", "sms_manager")

#: what the client wants again, whether with every mailing → outcome
WISHES: dict[tuple[str, bool | None], str] = {
    ("calls", None): "include_calls",
    ("online", True): "include_mailings",
    ("online", False): "keep_excluded",
    ("all", True): "include_all",
    ("all", False): "include_calls",
    ("changed_mind", None): "keep_excluded",
}
#: outcome → comment, who is reminded
ENDINGS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "include_calls": ("Клиент снова согласен на звонки с опросом", ("survey_coordinator",)),
    "include_mailings": (
        "Клиент снова согласен на рассылку анкет с опросом по e-mail и(или) смс и на другие виды рассылок",
        BOTH,
    ),
    "include_all": ("Клиент снова согласен на звонки с опросом и рассылки по e-mail и(или) смс", BOTH),
    "keep_excluded": (None, ()),
    "refer_to_client": (None, ()),
}
OWN: dict[str, Any] = {"asks_for_own_card": True}
OTHER: dict[str, Any] = {"asks_for_own_card": False, "is_other_client": True, "other_client_name": "Пётр Петров"}
CALLS = OWN | {"wanted_again": "calls"}
ALL = OWN | {"wanted_again": "all", "agreed_to_every_mailing": True}


@pytest.fixture(scope="module")
def rulebook() -> Iterator[Rulebook]:
    rulebook = Rulebook.load(RULES)
    yield rulebook
    rulebook.close()


@pytest.fixture(scope="module")
def script(rulebook: Rulebook) -> Decider:
    return rulebook.script(SCRIPT)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        yield office


def _decided(script: Decider, facts: dict[str, Any]) -> Decision:
    return script.decide(script.type_facts(facts))


# --- the conversations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"asks_for_own_card": "yes"}, "asks_for_own_card"),
        ({"wanted_again": "mailings"}, "wanted_again"),
        ({"agreed_to_every_mailing": 1}, "agreed_to_every_mailing"),
        ({"survey_type": "calls"}, "survey_type"),
    ],
)
def test_what_the_script_does_not_take_is_bad_input(script: Decider, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(BadFacts) as refused:
        script.type_facts(facts)
    assert refused.value.errors[0].field == field


def test_nobody_but_a_client_takes_an_exclusion_back(script: Decider) -> None:
    decision = _decided(script, ALL | {"asks_for_own_card": False, "is_other_client": False})
    assert decision.outcome == "refer_to_client"
    assert decision.actions == ()
    assert "самого клиента" in str(decision.say)


@pytest.mark.parametrize("who", [OWN, OTHER], ids=["own card", "another client's"])
@pytest.mark.parametrize(("wish", "outcome"), WISHES.items())
def test_every_wish_ends_in_what_was_asked_for_and_no_more(
    script: Decider, who: dict[str, Any], wish: tuple[str, bool | None], outcome: str
) -> None:
    kind, mailings = wish
    facts = who | {"wanted_again": kind} | ({} if mailings is None else {"agreed_to_every_mailing": mailings})
    assert _decided(script, facts).outcome == outcome


def test_no_conversation_is_without_its_end_and_no_end_without_its_conversation(
    rulebook: Rulebook, script: Decider
) -> None:
    report = prove(rulebook, limits=ProofLimits(seconds=60))
    assert (report.faults, report.warnings, report.unproven) == ((), (), ())
    ends = [conversation.decision for conversation in conversations(script)]
    assert len(ends) == 2 * len(WISHES) + 1
    assert {decision.outcome for decision in ends if decision} == ENDINGS.keys()


def test_every_end_has_a_closing_phrase_its_comment_and_its_recipients(script: Decider) -> None:
    for conversation in conversations(script):
        decision = conversation.decision
        assert decision is not None
        comment, roles = ENDINGS[str(decision.outcome)]
        assert decision.say
        assert [a.text for a in decision.actions if a.kind == "comment"] == ([comment] if comment else [])
        reminders = [action for action in decision.actions if action.kind == "reminder"]
        assert tuple(action.role for action in reminders) == roles
        assert all((a.subject, a.due_in_hours, a.email) == ("СНОВА ВКЛЮЧИТЬ", 24, True) for a in reminders)
        assert all("Отменить исключение" in action.text for action in reminders)


def test_mailings_come_back_only_after_the_client_was_told_that_all_of_them_do(script: Decider) -> None:
    for kind in ("online", "all"):
        question = _decided(script, OWN | {"wanted_again": kind}).next
        assert question is not None
        assert question.fact == "agreed_to_every_mailing"
        assert "об акциях" in str(question.say)


def test_another_clients_wish_goes_to_that_clients_card(script: Decider) -> None:
    decision = script.decide(OTHER | {"wanted_again": "calls"}, {"call.phone": "+79161234567"})
    targets = [action.target.to_json() for action in decision.actions if action.target]
    assert targets == [{"find": {"name": "Пётр Петров", "phone": "+79161234567"}}] * 2


def test_the_files_say_that_their_phrases_are_not_the_papers() -> None:
    for file in ("script.toml", "rules.toml", "outcomes.toml"):
        assert "В бумажном скрипте этого разговора нет" in (RULES / SCRIPT / file).read_text(encoding="utf-8")


# --- through the events ------------------------------------------------------------------------------


def test_an_event_that_names_the_script_ends_in_its_deliveries(office: Office) -> None:
    office.taken(ALL, script=SCRIPT)
    assert office.planned() == [
        ("comment", None),
        ("reminder", "survey_coordinator"),
        ("smtp_email", "survey_coordinator"),
        ("reminder", "sms_manager"),
        ("smtp_email", "sms_manager"),
    ]
    assert {row["subject"] for row in office.deliveries() if row["role"]} == {"СНОВА ВКЛЮЧИТЬ"}
    reminder = office.deliveries()[1]["text"]
    assert "Включить до: 23.11.2026 10:15 (МСК)" in reminder


def test_the_answers_of_one_script_are_unknown_facts_to_the_other(office: Office) -> None:
    answer = office.send(call_result(ALL, script="survey_opt_out"))
    assert answer.status == 422
    assert set(answer.body["error"]["fields"]) == {f"facts.{name}" for name in ALL}


def test_a_correction_withdraws_the_reminder_and_asks_to_exclude_again(office: Office) -> None:
    office.taken(ALL, script=SCRIPT)
    office.deliver()
    office.taken({"wanted_again": "changed_mind"}, script=SCRIPT, occurred_at=at(1))
    rows = office.deliveries(2)
    assert [row["kind"] for row in rows] == ["comment", "withdrawal", "withdrawal", "smtp_email", "smtp_email"]
    assert "снова включить в звонки с опросом и рассылки" in rows[0]["text"]
    assert "верните исключение" in rows[1]["text"]
    assert {row["subject"] for row in rows if row["kind"] == "smtp_email"} == {"ОТМЕНА: СНОВА ВКЛЮЧИТЬ"}


def test_a_call_that_breaks_off_leaves_the_exclusion_in_force_and_says_so(office: Office) -> None:
    office.taken(OWN, script=SCRIPT, final=True)
    reminder = office.deliveries()[0]
    assert (reminder["kind"], reminder["role"]) == ("reminder", "survey_coordinator")
    assert "исключение не отменять" in reminder["text"]


def test_an_exclusion_and_its_withdrawal_are_two_calls_each_with_its_own_comment(office: Office) -> None:
    office.taken(call={"id": "c-1"})
    office.taken(CALLS, script=SCRIPT, call={"id": "c-2"}, occurred_at=at(3))
    assert [(row["script"], row["outcome"]) for row in office.calls()] == [
        ("survey_opt_out", "exclude_calls"),
        (SCRIPT, "include_calls"),
    ]
    comments = [row["text"].splitlines()[0] for row in office.deliveries() if row["kind"] == "comment"]
    assert comments == [
        "Клиент просит исключить из звонков с опросом",
        "Клиент снова согласен на звонки с опросом",
    ]
