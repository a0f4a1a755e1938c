"""What each conversation of the survey script must come to, written down by hand and not taken from the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COORDINATOR = "coordinator"
SMS_MANAGER = "sms.manager"
ADDRESSES = {COORDINATOR: "coordinator@example.org", SMS_MANAGER: "sms.manager@example.org"}
#: By which ways each is mailed: ``smtp`` by the plugin's own mail, ``crm`` by the CRM's.
CHANNELS = {COORDINATOR: ("smtp",), SMS_MANAGER: ("smtp", "crm")}

EXCLUDE = "ИСКЛЮЧИТЬ"
CANCEL = "ОТМЕНА: "
UNFINISHED = "Разговор не завершён: решить вручную"
#: How an outcome without anything to write, and a call that never ended, are named here.
NONE = "none"
NOT_FINISHED = "unfinished"
#: What a correction names in a card that the new outcome is not about.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation can end: its name in texts, the comment, the reminder's first line, and who is reminded."""

    label: str
    comment: str | None = None
    reminder: str | None = None
    people: tuple[str, ...] = ()


_BOTH = (COORDINATOR, SMS_MANAGER)
_ALL = "из звонков с опросом и рассылок по e-mail и(или) смс"
_WARNED = "; о том, что исключение возможно только от всех видов рассылок, клиент предупреждён."
_NOT_CLIENT = (
    "При звонке на номер отвечает человек, не являющийся клиентом Авилон и не имеющий отношения к "
    "обслуживанию/покупке автомобиля. Просит исключить "
)
OUTCOMES = {
    "calls": Outcome(
        "исключить из звонков с опросом",
        "Клиент просит исключить из звонков с опросом",
        "Исключить клиента из звонков с опросом.",
        (COORDINATOR,),
    ),
    "mailings": Outcome(
        "исключить из рассылок",
        "Клиент просит исключить из рассылок анкет с опросом по e-mail и(или) смс",
        f"Исключить клиента из рассылок анкет с опросом по e-mail и(или) смс{_WARNED}",
        _BOTH,
    ),
    "all": Outcome(
        "исключить из звонков с опросом и рассылок",
        f"Клиент просит исключить {_ALL}",
        f"Исключить клиента {_ALL}{_WARNED}",
        _BOTH,
    ),
    "not_client": Outcome(
        "исключить номер из звонков с опросом и рассылок: отвечает не клиент",
        f"{_NOT_CLIENT}{_ALL}",
        f"Исключить НОМЕР {_ALL}.",
        _BOTH,
    ),
    NONE: Outcome("исключать не требуется"),
}
#: What the number is excluded from.
SUPPRESSES: Mapping[str, tuple[str, ...]] = {
    "calls": ("calls",),
    "mailings": ("mailings",),
    "all": ("calls", "mailings"),
    "not_client": ("calls", "mailings"),
    NONE: (),
    NOT_FINISHED: (),
}
LABELS = {outcome.label: name for name, outcome in OUTCOMES.items()} | {UNFINISHED: NOT_FINISHED}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The answers in the order they are given, and what they come to."""

    answers: Mapping[str, Any]
    outcome: str


def _talk(outcome: str, survey: str, warned: str | None = None, explained: bool | None = None) -> Conversation:
    answers = {"survey_type": survey, "agreed_to_warning": warned, "agreed_after_explanation": explained}
    return Conversation({name: given for name, given in answers.items() if given is not None}, outcome)


#: From the question what kind of survey they refuse; before it comes who answered.
REFUSALS = (
    _talk("calls", "calls"),
    _talk("mailings", "online", "yes"),
    _talk("mailings", "online", "surveys_only", True),
    _talk(NONE, "online", "surveys_only", False),
    _talk(NONE, "online", "changed_mind"),
    _talk("all", "all", "yes"),
    _talk("all", "all", "surveys_only", True),
    _talk("calls", "all", "surveys_only", False),
    _talk("calls", "all", "calls_only"),
    _talk(NONE, "all", "changed_mind"),
)
NO_CLIENT = Conversation({"related_to_car": False, "is_client": False}, "not_client")


def by_the_owner(refusal: Conversation) -> Conversation:
    """The owner of the card answered."""
    return Conversation({"related_to_car": True, **refusal.answers}, refusal.outcome)


def by_another_client(refusal: Conversation, name: str) -> Conversation:
    """Another client of the dealership answered."""
    who = {"related_to_car": False, "is_client": True, "client_name": name}
    return Conversation({**who, **refusal.answers}, refusal.outcome)
