"""The calls of a run, drawn from a seed: who is called, what is reported of it, how often, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

from chaos.script import NO_CLIENT, REFUSALS, Conversation, by_another_client, by_the_owner

_NAMES = ("Алексей", "Борис", "Виктор", "Григорий", "Дмитрий", "Евгений", "Захар", "Илья", "Кирилл", "Леонид")
#: Of a hundred calls so many are answered by another client whose card there is, and whose there is none.
_FOUND, _MISSING = 12, 8


@dataclass(frozen=True, slots=True)
class Report:
    """One event of a call. ``outcome``: what its call has come to with it; None: not finished yet.

    ``after``: seconds after the answer to the one before. ``repeats``: how often it is sent again once accepted.
    ``status`` is the answer that must come, ``alters`` sends it under the id of the one before.
    """

    facts: Mapping[str, Any]
    outcome: str | None = None
    final: bool = False
    after: float = 0.0
    repeats: int = 0
    status: int = 202
    alters: bool = False
    #: Who answered after all, where that changes the card; None: as the story says.
    who: Literal["owner", "found", "missing"] | None = None


@dataclass(slots=True)
class Story:
    """One call. ``card`` and, where another client answers who has one, ``other_card`` are their ids in the CRM."""

    number: int
    who: Literal["owner", "found", "missing"]
    begins: float
    names_card: bool
    reports: Sequence[Report]
    card: str = ""
    other_card: str = ""
    #: Ids of the events that were answered with a 2xx, in that order, with the answer.
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def call(self) -> str:
        return f"call-{self.number}"

    @property
    def phone(self) -> str:
        return f"+7916{self.number:07}"

    @property
    def name(self) -> str:
        return f"Клиент {_spelt(self.number)}"

    @property
    def other_name(self) -> str:
        return f"Сосед {_spelt(self.number)}"


def stories(count: int, seconds: float, random: Random) -> list[Story]:
    """``count`` calls that begin spread over ``seconds``, in that order."""
    begins = sorted(random.uniform(0, seconds) for _ in range(count))
    return [_story(number, moment, random) for number, moment in enumerate(begins, 1)]


def _story(number: int, begins: float, random: Random) -> Story:
    chance = random.randrange(100)
    who: Literal["owner", "found", "missing"] = "owner"
    if chance < _FOUND + _MISSING:
        who = "found" if chance < _FOUND else "missing"
    story = Story(number, who, begins, names_card=who != "owner" or random.random() < 0.85, reports=())
    story.reports = _reports(story, random)
    return story


def _reports(story: Story, random: Random) -> list[Report]:
    first = _conversation(story, random)
    kind = random.choices(
        ("plain", "corrected", "corrected_back", "cut_short", "abandoned", "resumed", "silent"),
        weights=(35, 18, 12, 6, 5, 18, 6),
    )[0]
    whole = Report(first.answers, first.outcome)
    match kind:
        case "corrected":
            reports = [whole, _correction(story, first.outcome, random)]
        case "corrected_back":
            back = Report(first.answers, first.outcome, after=_pause(random))
            reports = [whole, _correction(story, first.outcome, random), back]
        case "cut_short":
            reports = [Report(_halves(first, random)[0], final=True)]
        case "abandoned":
            reports = [Report(_halves(first, random)[0])]
        case "resumed":
            begun, rest = _halves(first, random)
            reports = [
                Report(begun, final=random.random() < 0.4),
                Report(rest, first.outcome, after=_pause(random)),
            ]
            if random.random() < 0.3:
                reports.append(_correction(story, first.outcome, random))
        case "silent":
            reports = [Report({}, status=200), Report(first.answers, first.outcome, after=_pause(random))]
        case _:
            reports = [whole]
    return _repeated(reports, random)


def _repeated(reports: list[Report], random: Random) -> list[Report]:
    """Some are sent again; some say what was said before, or something else under an id that is taken."""
    more = []
    for report in reports:
        repeats = random.choices((0, 1, 2), weights=(75, 18, 7))[0]
        more.append(replace(report, repeats=repeats))
    last = more[-1]
    if last.outcome is not None and random.random() < 0.12:
        more.append(replace(last, after=_pause(random), repeats=0))
    if random.random() < 0.04:
        more.append(Report({"related_to_car": False}, status=409, alters=True))
    return more


def _correction(story: Story, outcome: str, random: Random) -> Report:
    if story.who != "owner" and random.random() < 0.4:
        # It was the owner of the card after all: perhaps the same outcome, but another card.
        new = by_the_owner(random.choice(REFUSALS))
        return Report(new.answers, new.outcome, after=_pause(random), who="owner")
    while (new := _conversation(story, random)).outcome == outcome:
        pass
    return Report(new.answers, new.outcome, after=_pause(random))


def _conversation(story: Story, random: Random) -> Conversation:
    if random.random() < 0.12:
        return NO_CLIENT
    refusal = random.choice(REFUSALS)
    return by_the_owner(refusal) if story.who == "owner" else by_another_client(refusal, story.other_name)


def _halves(whole: Conversation, random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    answers = list(whole.answers.items())
    cut = random.randrange(1, len(answers))
    return dict(answers[:cut]), dict(answers[cut:])


def _pause(random: Random) -> float:
    """Corrections that overtake what has not gone out yet, and corrections of what has long been written."""
    return random.choice((0.0, 0.0, 0.2, 0.5, 1.0, 2.5, 6.0, 10.0))


def _spelt(number: int) -> str:
    return " ".join(_NAMES[int(digit)] for digit in str(number))
