"""What the demo plays: calls as a CRM reports them, and what must be in the CRM afterwards, written by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COORDINATOR = "coordinator"
SMS_MANAGER = "sms.manager"
BOTH = (COORDINATOR, SMS_MANAGER)
USERS = [
    {"id": COORDINATOR, "name": "Координатор опросов", "email": "coordinator@example.org"},
    {"id": SMS_MANAGER, "name": "СМС-менеджер", "email": "sms.manager@example.org"},
    {"id": "supervisor", "name": "Руководитель", "email": "supervisor@example.org"},
]

EXCLUDE = "ИСКЛЮЧИТЬ"
CANCEL = "ОТМЕНА: ИСКЛЮЧИТЬ"
UNFINISHED = "Разговор не завершён: решить вручную"

CALLS = "Клиент просит исключить из звонков с опросом"
MAILINGS = "Клиент просит исключить из рассылок анкет с опросом по e-mail и(или) смс"
ALL = "Клиент просит исключить из звонков с опросом и рассылок по e-mail и(или) смс"
NOT_CLIENT = (
    "При звонке на номер отвечает человек, не являющийся клиентом Авилон и не имеющий отношения к "
    "обслуживанию/покупке автомобиля. Просит исключить из звонков с опросом и рассылок по e-mail и(или) смс"
)


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a call. ``via``: ``event`` is signed by Standard Webhooks, ``crm`` is written into the CRM itself,
    which then reports it in its own way; ``repeat`` sends the report before it once more, ``forged`` signs it
    with a wrong key. ``status`` is the answer that must come."""

    facts: dict[str, Any]
    status: int = 202
    final: bool = False
    via: str = "event"


@dataclass(frozen=True, slots=True)
class Holds:
    """What a card holds in the end: first lines of comments, (assignee, subject, state) of reminders."""

    comments: tuple[str, ...] = ()
    reminders: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One call with its reports, and what comes of it. ``cards`` maps each card to what it must hold."""

    title: str
    card: str
    phone: str
    reports: tuple[Report, ...]
    cards: dict[str, Holds] = field(default_factory=dict)
    mails: tuple[tuple[str, str], ...] = ()


#: The cards of the CRM before the first call: id, name, phone.
CARDS = (
    ("101", "Клиент Первый", "+7 916 000-01-01"),
    ("102", "Клиент Второй", "8 (916) 000-01-02"),
    ("103", "Клиент Третий", "+79160000103"),
    ("104", "Клиент Четвёртый", "+7 916 000-01-04"),
    ("105", "Клиент Пятый", "+7 916 000-01-05"),
    ("106", "Клиент Шестой", "+7 916 000-01-06"),
    ("107", "Клиент Седьмой", "+7 916 000-01-07"),
    ("108", "Клиент Восьмой", "+7 916 000-01-08"),
    ("109", "Клиент Девятый", "+7 916 000-01-09"),
    ("209", "Соседов Сосед Соседович", "8 916 000 01 09"),
    ("110", "Клиент Десятый", "+7 916 000-01-10"),
    ("111", "Клиент Одиннадцатый", "+7 916 000-01-11"),
    ("112", "Клиент Двенадцатый", "+7 916 000-01-12"),
)

_OWNER = {"related_to_car": True}


def _open(people: tuple[str, ...], subject: str = EXCLUDE) -> tuple[tuple[str, str, str], ...]:
    return tuple((person, subject, "open") for person in people)


def _told(people: tuple[str, ...], subject: str = EXCLUDE) -> tuple[tuple[str, str], ...]:
    return tuple((f"{person}@example.org", subject) for person in people)


SCENES = (
    Scene(
        "Отказ только от звонков с опросом",
        "101",
        "+79160000101",
        (Report(_OWNER | {"survey_type": "calls"}),),
        {"101": Holds((CALLS,), _open((COORDINATOR,)))},
        _told((COORDINATOR,)),
    ),
    Scene(
        "Отказ только от опросов онлайн, после разъяснения",
        "102",
        "+79160000102",
        (
            Report(
                _OWNER
                | {"survey_type": "online", "agreed_to_warning": "surveys_only", "agreed_after_explanation": True}
            ),
        ),
        {"102": Holds((MAILINGS,), _open(BOTH))},
        _told(BOTH),
    ),
    Scene(
        "Отказ от всех видов опросов",
        "103",
        "+79160000103",
        (Report(_OWNER | {"survey_type": "all", "agreed_to_warning": "yes"}),),
        {"103": Holds((ALL,), _open(BOTH))},
        _told(BOTH),
    ),
    Scene(
        "По номеру отвечает не клиент",
        "104",
        "+79160000104",
        (Report({"related_to_car": False, "is_client": False}),),
        {"104": Holds((NOT_CLIENT,), _open(BOTH))},
        _told(BOTH),
    ),
    Scene(
        "Клиент передумал",
        "105",
        "+79160000105",
        (Report(_OWNER | {"survey_type": "all", "agreed_to_warning": "changed_mind"}),),
        {"105": Holds()},
    ),
    Scene(
        "Разговор прерван, потом продолжен",
        "106",
        "+79160000106",
        (Report(_OWNER | {"survey_type": "online"}), Report({"agreed_to_warning": "yes"})),
        {"106": Holds((MAILINGS,), _open(BOTH))},
        _told(BOTH),
    ),
    Scene(
        "Исправление: сначала от всего, потом только от звонков",
        "107",
        "+79160000107",
        (
            Report(_OWNER | {"survey_type": "all", "agreed_to_warning": "yes"}),
            Report({"survey_type": "calls"}),
        ),
        {
            "107": Holds(
                (ALL, CALLS),
                (
                    (COORDINATOR, EXCLUDE, "withdrawn"),
                    (SMS_MANAGER, EXCLUDE, "withdrawn"),
                    (COORDINATOR, EXCLUDE, "open"),
                ),
            )
        },
        (*_told(BOTH), *_told((COORDINATOR,)), *_told((SMS_MANAGER,), CANCEL)),
    ),
    Scene(
        "Одно и то же сообщение дважды",
        "108",
        "+79160000108",
        (Report(_OWNER | {"survey_type": "calls"}), Report({}, status=200, via="repeat")),
        {"108": Holds((CALLS,), _open((COORDINATOR,)))},
        _told((COORDINATOR,)),
    ),
    Scene(
        "Ответил другой клиент: пишем в его карточку",
        "109",
        "+79160000109",
        (
            Report(
                {
                    "related_to_car": False,
                    "is_client": True,
                    "client_name": "Соседов Сосед Соседович",
                    "survey_type": "calls",
                }
            ),
        ),
        {"109": Holds(), "209": Holds((CALLS,), _open((COORDINATOR,)))},
        _told((COORDINATOR,)),
    ),
    Scene(
        "Поддельная подпись",
        "110",
        "+79160000110",
        (Report(_OWNER | {"survey_type": "all", "agreed_to_warning": "yes"}, status=401, via="forged"),),
        {"110": Holds()},
    ),
    Scene(
        "Разговор так и не закончен",
        "111",
        "+79160000111",
        (Report(_OWNER | {"survey_type": "online"}, final=True),),
        {"111": Holds((), _open((COORDINATOR,), UNFINISHED))},
        _told((COORDINATOR,), UNFINISHED),
    ),
    Scene(
        "Звонок записан в самой CRM, она сообщает о нём по-своему",
        "112",
        "+79160000112",
        (Report(_OWNER | {"survey_type": "calls"}, via="crm"),),
        {"112": Holds((CALLS,), _open((COORDINATOR,)))},
        _told((COORDINATOR,)),
    ),
)
