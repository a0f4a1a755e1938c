"""Terms that phrases promise in words are held against the hours that the rules count with."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification import prove
from plugin.authoring.verification.time_limits import terms_in
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder

GOOD = Path(__file__).parent / "bad_rules" / "good"


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Спасибо, в течение суток Ваш номер исключат", 24),
        ("В течении суток", 24),
        ("в  течение\nсуток", 24),
        ("в течение 24 часов", 24),
        ("в течение 24-х часов", 24),
        ("в течение двадцати четырёх часов", 24),
        ("в течение 48 ч", 48),
        ("в течение двух суток", 48),
        ("в течение 2 суток", 48),
        ("в течение трёх дней", 72),
        ("в течение семидесяти двух часов", 72),
        ("за двое суток", 48),
        ("за 3 дня", 72),
        ("в течение часа", 1),
        ("в течение полутора часов", 1.5),
        ("в течение 1,5 часов", 1.5),
        ("в течение полусуток", 12),
        ("в течение недели", 168),
        ("не позднее чем через 12 часов", 12),
        ("не позднее двух дней", 48),
        ("в течение тридцати минут", 0.5),
        ("в течение 10 календарных дней", 240),
    ],
)
def test_a_term_in_words_is_so_many_hours(text: str, hours: float) -> None:
    (term,) = terms_in(text)

    assert (term.least, term.most) == (hours, hours)


@pytest.mark.parametrize(
    "text",
    [
        "Спасибо за ожидание",
        "звонок за сутки до визита",
        "в течение разговора",
        "за 2 дня до акции",
        "Исключить до: {deadline}",
        "Обслуживание по часам",
        "в течение частного визита",
        "За денежные средства",
    ],
)
def test_what_is_no_term_is_not_taken_for_one(text: str) -> None:
    assert list(terms_in(text)) == []


def test_every_term_of_a_text_is_found() -> None:
    assert [term.most for term in terms_in("В течение суток исключим, за три дня удалим анкету.")] == [24, 72]


@pytest.mark.parametrize(("hours", "fits"), [(24, True), (8, True), (7, False), (48, False)])
def test_within_the_day_may_be_over_by_the_evening(hours: int, fits: bool) -> None:
    (term,) = terms_in("в течение дня")

    assert term.fits(hours) == fits


# --- against the numbers --------------------------------------------------------------------------


def _noted(say: str, *, promise: int = 24, due: int | None = None, shared: int | None = None) -> list[str]:
    content: dict[str, Any] = copy.deepcopy(read_folder(GOOD)[0])
    content["tiny/script.toml"]["promise_hours"] = promise
    if shared is not None:
        content["tiny/script.toml"]["reminder"]["due_in_hours"] = shared
    content["tiny/outcomes.toml"]["outcome"]["call_back"]["say"] = say
    if due is not None:
        content["tiny/outcomes.toml"]["outcome"]["call_back"]["action"][0]["due_in_hours"] = due
    rulebook = Rulebook.from_content(content)
    report = prove(rulebook)
    rulebook.close()
    noted = (*report.faults, *report.warnings)
    return [fault.what for fault in noted if "слов" not in fault.where and "words" not in fault.where]


@pytest.mark.parametrize(
    ("say", "numbers", "told"),
    [
        ("в течение суток", {}, []),
        ("в течение двух суток", {"promise": 48}, []),
        ("в течение суток", {"promise": 48}, ["сказано «в течение суток», а клиенту обещано 48 ч"]),
        ("в течение двух суток", {}, ["сказано «в течение двух суток», а клиенту обещано 24 ч"]),
        ("в течение 12 часов", {}, ["сказано «в течение 12 часов», а клиенту обещано 24 ч"]),
        ("в течение суток", {"due": 12}, ["сказано «в течение суток», а срок напоминания этого итога — 12 ч"]),
        ("в течение суток", {"shared": 4}, ["сказано «в течение суток», а срок напоминания этого итога — 4 ч"]),
        ("в течение суток", {"shared": 4, "due": 24}, []),
        ("скоро", {"due": 25}, ["напоминание исполняется за 25 ч, а клиенту обещано 24 ч"]),
        ("скоро", {"shared": 30}, ["напоминания исполняются за 30 ч, а клиенту обещано 24 ч"]),
        ("в течение двух рабочих дней", {}, ["сказано «в течение двух рабочих дней», а сроки считаются по календарю"]),
    ],
)
def test_a_phrase_and_a_number_that_disagree_are_told(say: str, numbers: dict[str, int], told: list[str]) -> None:
    noted = _noted(say, **numbers)

    assert len(noted) == len(told)
    assert all(what.startswith(begins) for what, begins in zip(noted, told, strict=True))
