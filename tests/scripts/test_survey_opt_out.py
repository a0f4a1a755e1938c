"""The shipped script against the paper one: every set of facts, every phrase, comment and recipient.

The tables here were written by hand from the call centre's script, not from the rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification import prove
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.errors import BadFacts

RULES = Path(__file__).parents[2] / "rules"
PAPER = Path(__file__).parents[3] / "shared" / "seed" / "opt-out-script.ru.txt"

#: Left: the facts in this order; «-» missing, «*» any or missing. Right: the outcome, «? fact» the next question, or
#: «! fact» an answer that the question does not offer.
ORDER = ("related_to_car", "is_client", "client_name", "survey_type", "agreed_to_warning", "agreed_after_explanation")
TABLE = """
    -    *    *  *       *             *    ? related_to_car
    yes  *    *  -       *             *    ? survey_type
    yes  *    *  calls   *             *    exclude_calls
    yes  *    *  online  -             *    ? agreed_to_warning
    yes  *    *  online  yes           *    exclude_mailings
    yes  *    *  online  surveys_only  -    ? agreed_after_explanation
    yes  *    *  online  surveys_only  yes  exclude_mailings
    yes  *    *  online  surveys_only  no   none
    yes  *    *  online  changed_mind  *    none
    yes  *    *  online  calls_only    *    ! agreed_to_warning
    yes  *    *  all     -             *    ? agreed_to_warning
    yes  *    *  all     yes           *    exclude_all
    yes  *    *  all     surveys_only  -    ? agreed_after_explanation
    yes  *    *  all     surveys_only  yes  exclude_all
    yes  *    *  all     surveys_only  no   exclude_calls
    yes  *    *  all     changed_mind  *    none
    yes  *    *  all     calls_only    *    exclude_calls
    no   -    *  *       *             *    ? is_client
    no   no   *  *       *             *    exclude_all_not_client
    no   yes  -  *       *             *    ? client_name
    no   yes  N  -       *             *    ? survey_type
    no   yes  N  calls   *             *    exclude_calls
    no   yes  N  online  -             *    ? agreed_to_warning
    no   yes  N  online  yes           *    exclude_mailings
    no   yes  N  online  surveys_only  -    ? agreed_after_explanation
    no   yes  N  online  surveys_only  yes  exclude_mailings
    no   yes  N  online  surveys_only  no   none
    no   yes  N  online  changed_mind  *    none
    no   yes  N  online  calls_only    *    ! agreed_to_warning
    no   yes  N  all     -             *    ? agreed_to_warning
    no   yes  N  all     yes           *    exclude_all
    no   yes  N  all     surveys_only  -    ? agreed_after_explanation
    no   yes  N  all     surveys_only  yes  exclude_all
    no   yes  N  all     surveys_only  no   exclude_calls
    no   yes  N  all     changed_mind  *    none
    no   yes  N  all     calls_only    *    exclude_calls
"""
ROWS = [(line.split()[:6], " ".join(line.split()[6:])) for line in TABLE.strip().splitlines()]
NAME = "Иванова Анна Петровна"

CALLS = "Спасибо, Ваши контакты переданы, в течение суток Ваш номер исключат из звонков с опросом"
MAILINGS = "Спасибо, Ваши контакты переданы, в течение суток Ваш номер исключат из рассылок"
ALL = "Спасибо, Ваши контакты переданы, в течение суток Ваш номер исключат из звонков с опросом и рассылок"
BOTH = ("survey_coordinator", "sms_manager")
#: outcome → closing phrase, comment, who is reminded
ENDINGS: dict[str, tuple[str | None, str | None, tuple[str, ...]]] = {
    "exclude_calls": (CALLS, "Клиент просит исключить из звонков с опросом", ("survey_coordinator",)),
    "exclude_mailings": (
        MAILINGS,
        "Клиент просит исключить из рассылок анкет с опросом по e-mail и(или) смс",
        BOTH,
    ),
    "exclude_all": (ALL, "Клиент просит исключить из звонков с опросом и рассылок по e-mail и(или) смс", BOTH),
    "exclude_all_not_client": (
        ALL,
        "При звонке на номер отвечает человек, не являющийся клиентом Авилон и не имеющий отношения к "
        "обслуживанию/покупке автомобиля. Просит исключить из звонков с опросом и рассылок по e-mail и(или) смс",
        BOTH,
    ),
    "none": (None, None, ()),
}
#: (fact, survey type on the path) → the standard phrase; None where the script has none
PHRASES = {
    ("related_to_car", None): None,
    ("is_client", None): "Уточните, пожалуйста, являетесь ли Вы клиентом нашей Компании?",
    ("client_name", None): None,
    ("survey_type", None): "Уточните, пожалуйста, Вы хотите отказаться от звонков с опросом или от рассылки анкет с "
    "опросом, которые поступают на электронную почту и по СМС?",
    ("agreed_to_warning", "online"): "Должны Вас проинформировать, если мы исключим Вас из рассылок анкет с опросом "
    "по e-mail и(или) смс, Вы уже не сможете получать и информацию по ремонту Вашего а/м, заказанных Вами з/ч и их "
    "поступление на склад, о персональных предложениях для Вас и акциях. Вы по-прежнему хотите отказаться?",
    ("agreed_to_warning", "all"): "Из звонков с опросом мы Вас обязательно исключим. Должны Вас проинформировать, "
    "если мы также исключим Вас из рассылок анкет с опросом по e-mail и(или) смс, то Вы уже не сможете получать и "
    "информацию по ремонту Вашего а/м, заказанных Вами з/ч и их поступление на склад, об акциях и персональных "
    "предложениях для Вас. Вы по-прежнему хотите отказаться и от рассылок анкет с опросом?",
    ("agreed_after_explanation", "online"): "К сожалению, исключение возможно только от всех видов рассылок",
    ("agreed_after_explanation", "all"): "К сожалению, исключение возможно только от всех видов рассылок",
}


def _space() -> Iterator[dict[str, Any]]:
    """Every fact missing or with any of its values."""
    values = (
        (None, True, False),
        (None, True, False),
        (None, NAME),
        (None, "calls", "online", "all"),
        (None, "yes", "surveys_only", "changed_mind", "calls_only"),
        (None, True, False),
    )
    for combination in itertools.product(*values):
        yield {name: value for name, value in zip(ORDER, combination, strict=True) if value is not None}


def _row_matches(row: list[str], facts: dict[str, Any]) -> bool:
    return all(cell == "*" or facts.get(name) == _value(name, cell) for name, cell in zip(ORDER, row, strict=True))


def _value(name: str, cell: str) -> Any:
    if cell in ("-", "N"):
        return NAME if cell == "N" else None
    return cell if name in ("survey_type", "agreed_to_warning") else {"yes": True, "no": False}[cell]


@pytest.fixture(scope="module")
def script() -> Iterator[Decider]:
    rulebook = Rulebook.load(RULES)
    yield rulebook.script("survey_opt_out")
    rulebook.close()


def _result(script: Decider, facts: dict[str, Any]) -> str:
    try:
        decision = script.decide(script.type_facts(facts))
    except BadFacts as error:
        return f"! {error.errors[0].field}"
    return str(decision.outcome) if decision.complete else f"? {decision.next.fact if decision.next else None}"


def test_every_set_of_facts_ends_as_the_paper_script_says(script: Decider) -> None:
    checked = 0
    for facts in _space():
        rows = [result for row, result in ROWS if _row_matches(row, facts)]
        assert len(rows) == 1, f"the table must have one row for {facts}"
        assert _result(script, facts) == rows[0], facts
        checked += 1
    assert checked == 1080


def test_every_conversation_ends_with_the_papers_phrase_comment_and_recipients(script: Decider) -> None:
    ends = [conversation.decision for conversation in conversations(script)]
    assert len(ends) == 21
    for decision in ends:
        assert decision is not None
        assert decision.outcome is not None
        say, comment, roles = ENDINGS[decision.outcome]
        assert decision.say == say
        assert [a.text for a in decision.actions if a.kind == "comment"] == ([comment] if comment else [])
        reminders = [action for action in decision.actions if action.kind == "reminder"]
        assert tuple(action.role for action in reminders) == roles
        assert all((a.subject, a.due_in_hours, a.email) == ("ИСКЛЮЧИТЬ", 24, True) for a in reminders)
    assert {decision.outcome for decision in ends if decision} == ENDINGS.keys()


def test_every_question_is_asked_with_the_papers_phrase_or_a_hint(script: Decider) -> None:
    seen = set()
    for facts in _space():
        try:
            decision = script.decide(facts)
        except BadFacts:
            continue
        steps = [(step.fact, step.say) for step in decision.transcript]
        if decision.next:
            steps.append((decision.next.fact, decision.next.say))
            assert (decision.next.say is None) == (decision.next.hint is not None)
        for fact, say in steps:
            path = (fact, facts.get("survey_type") if fact.startswith("agreed") else None)
            seen.add(path)
            assert say == PHRASES[path]
    assert seen == PHRASES.keys()


def test_the_warning_offers_calls_only_in_point_3_alone(script: Decider) -> None:
    offered = {}
    for kind in ("online", "all"):
        question = script.decide({"related_to_car": True, "survey_type": kind}).next
        assert question is not None
        offered[kind] = [answer.value for answer in question.answers]

    assert offered == {
        "online": ["yes", "surveys_only", "changed_mind"],
        "all": ["yes", "surveys_only", "calls_only", "changed_mind"],
    }


def test_another_clients_request_goes_to_that_clients_card(script: Decider) -> None:
    facts = {"related_to_car": False, "is_client": True, "client_name": NAME, "survey_type": "calls"}

    actions = script.decide(facts, {"call.phone": "+79161234567"}).to_json()["actions"]

    assert [action["target"] for action in actions] == [{"find": {"name": NAME, "phone": "+79161234567"}}] * 2


def test_the_calls_own_client_needs_no_target(script: Decider) -> None:
    facts = {"related_to_car": True, "client_name": NAME, "survey_type": "calls"}

    decision = script.decide(facts)

    assert all("target" not in action for action in decision.to_json()["actions"])
    assert NAME not in str(decision)


def test_the_reminder_says_what_a_coordinator_needs(script: Decider) -> None:
    context = {
        "call.phone": "+79161234567",
        "call.time": "22.11.2026 10:15",
        "card.name": "Петров Пётр",
        "card.url": "https://crm.example.org/42",
        "deadline": "23.11.2026 10:15",
    }

    text = script.decide({"related_to_car": False, "is_client": False}, context).actions[1].text

    assert text.splitlines() == [
        "Исключить НОМЕР из звонков с опросом и рассылок по e-mail и(или) смс.",
        "Номер не принадлежит клиенту карточки: по нему отвечает человек, не являющийся клиентом и не имеющий "
        "отношения к обслуживанию/покупке автомобиля.",
        "Исключить до: 23.11.2026 10:15",
        "Номер: +79161234567",
        "Клиент карточки: Петров Пётр",
        "Карточка: https://crm.example.org/42",
        "Звонок: 22.11.2026 10:15",
    ]


def test_the_shipped_rules_are_proven_with_nothing_to_complain_of() -> None:
    rulebook = Rulebook.load(RULES)
    report = prove(rulebook)
    rulebook.close()

    assert (report.faults, report.warnings, report.unproven) == ((), (), ())
    assert {size.name: size.conversations for size in report.scripts}["survey_opt_out"] == 21


def test_the_decision_names_the_rule_that_asked_each_question(script: Decider) -> None:
    facts = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "surveys_only"}

    transcript = script.decide(facts).transcript

    assert [step.rule for step in transcript] == ["who-answered", "section-1-kind", "3-warning"]


@pytest.mark.skipif(not PAPER.exists(), reason="the paper script is not beside the project")
def test_phrases_and_comments_are_the_papers_word_for_word() -> None:
    paper = PAPER.read_text(encoding="utf-8").replace("**", "").replace("*", "")
    misprints = (("u(или)", "и(или)"), ("е-mail", "e-mail"), ("попрежнему", "по-прежнему"), ("о акциях", "об акциях"))
    for wrong, right in (*misprints, ("если мы, исключим", "если мы исключим"), ("если мы, также", "если мы также")):
        paper = paper.replace(wrong, right)

    phrases = [say for say in PHRASES.values() if say]
    endings = [text for say, comment, _ in ENDINGS.values() for text in (say, comment) if text]
    for text in (*phrases, *endings):
        assert text in paper
