"""Calls as EspoCRM records them, corrected later on, and what of each must stand in the CRM and the mailboxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.espocrm import StormyEspo
from chaos.model import Item
from chaos.readback import item_of_mail, items_of_comment, told
from chaos.script import CHANNELS, NO_CLIENT, NONE, OUTCOMES, REFUSALS, Conversation, by_another_client, by_the_owner
from chaos.story import Story
from connectors.espocrm.markup import shown
from tests.support.mailbox import Mail

#: The fields of a call that hold the answers, and how the CRM spells them.
FIELDS = {
    "related_to_car": "cRelated",
    "is_client": "cIsClient",
    "client_name": "cWho",
    "survey_type": "cKind",
    "agreed_to_warning": "cWarned",
    "agreed_after_explanation": "cExplained",
}
#: Corrections are this far apart at least, since the CRM's clock has whole seconds.
APART = 1.2
_REF = re.compile(r"\[ref:[0-9a-f]{16}\]")
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
OPEN_TASK = "Not Started"


@dataclass
class Survey:
    """One call: its answers, first and as corrected. ``cards``: the call's own, and that of another client."""

    number: int
    begins: float
    versions: Sequence[Conversation]
    cards: tuple[str, str] = ("", "")
    record: str = ""
    told: int = field(default=0)

    @property
    def phone(self) -> str:
        return f"+7916{self.number:07}"

    @property
    def last(self) -> tuple[str, str]:
        """The outcome and the card that count in the end."""
        last = self.versions[-1]
        is_other = "client_name" in last.answers and last.outcome != NONE
        return last.outcome, self.cards[is_other]


def surveys(count: int, seconds: float, random: Random) -> list[Survey]:
    """``count`` calls that begin spread over ``seconds``; some are corrected, in outcome, in card, or in both."""
    begins = sorted(random.uniform(0, seconds) for _ in range(count))
    return [Survey(number, moment, _versions(number, random)) for number, moment in enumerate(begins, 1)]


def other_name(number: int) -> str:
    """The client in whose favour a call may be corrected."""
    return Story(number, "found", 0.0, names_card=True, reports=()).other_name


def _versions(number: int, random: Random) -> list[Conversation]:
    times = random.choices((1, 2, 3), weights=(50, 35, 15))[0]
    return [_conversation(number, random) for _ in range(times)]


def _conversation(number: int, random: Random) -> Conversation:
    who, refusal = random.random(), random.choice(REFUSALS)
    if who < 0.1:
        return NO_CLIENT
    return by_another_client(refusal, other_name(number)) if who < 0.35 else by_the_owner(refusal)


def tell(crm: StormyEspo, survey: Survey, person: str) -> str:
    """Record the next version of a call in the CRM, as a person there does; its id."""
    conversation = survey.versions[survey.told]
    answers = {field: _spelt(conversation.answers.get(fact)) for fact, field in FIELDS.items()}
    contact, _ = survey.cards
    now = {"contactsIds": [contact], "phoneNumbersMap": {f"Contact_{contact}": survey.phone}, "modifiedById": person}
    survey.told += 1
    with crm.lock:
        if not survey.record:
            times = {"dateStart": crm.stamp(-60), "dateEnd": crm.stamp(-1)}
            made = {"name": "Опрос", "status": "Held", "createdById": person, "assignedUserName": "Петрова Анна"}
            survey.record = crm.add("Call", **made, **times, **answers, **now)
        else:
            crm.records["Call"][survey.record] |= answers | now | {"modifiedAt": crm.stamp()}
    return survey.record


def _spelt(answer: Any) -> Any:
    return {True: "Yes", False: "No"}.get(answer, answer) if isinstance(answer, bool) else answer


# --- counting --------------------------------------------------------------------------------------


@dataclass
class Count:
    """What is missing, there twice, or there and must not be."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    off: list[str] = field(default_factory=list)


def count(crm: StormyEspo, mails: Mapping[str, Mail], told_of: Sequence[Survey], people: Mapping[str, str]) -> Count:
    """Hold what the CRM and the mailboxes have against the calls; ``people`` are the users' ids by name."""
    found = Count()
    with crm.lock:
        notes, tasks, own_mails = (list(map(dict, crm.all(entity))) for entity in ("Note", "Task", "Email"))
    found.doubled += _twice("comment", [mark for note in notes for mark in _REF.findall(_text(note, "post"))])
    found.doubled += _twice("reminder", [str(task["cExternalId"]) for task in tasks])
    heard = {item for mail in mails.values() for item in _mailed(mail)}
    by_crm = {(str(mail["to"]), _phone(str(mail["body"]))) for mail in own_mails if mail["status"] == "Sent"}
    for survey in told_of:
        _count_one(found, survey, notes, tasks, people)
        outcome, _ = survey.last
        for person in OUTCOMES[outcome].people:
            for channel in CHANNELS[person]:
                address = f"{person}@example.org"
                there = (
                    (survey.phone, person, outcome) in heard if channel == "smtp" else (address, survey.phone) in by_crm
                )
                found.lost += [] if there else [f"call {survey.number}: mail to {person} by {channel}"]
    return found


def _count_one(
    found: Count, survey: Survey, notes: Sequence[Any], tasks: Sequence[Any], people: Mapping[str, str]
) -> None:
    outcome, card = survey.last
    comments = {
        own: [item for note in notes if note["parentId"] == own for item in _items(note)] for own in survey.cards
    }
    told_in_card = [item for item in comments[card] if item.kind == "comment" and item.what == outcome]
    if outcome != NONE and not told_in_card:
        found.lost.append(f"call {survey.number}: comment «{outcome}»")
    for own, items in comments.items():
        for old in {item.what for item in items if item.kind == "comment"} - ({outcome} if own == card else set()):
            if not any(item.replaces == old for item in items):
                found.lost.append(f"call {survey.number}: nothing takes «{old}» back in card {own}")
    mine = [task for task in tasks if task["parentId"] in survey.cards and task["status"] == OPEN_TASK]
    for person in OUTCOMES[outcome].people:
        theirs = [task for task in mine if task["assignedUserId"] == people[person] and task["parentId"] == card]
        right = [task for task in theirs if told(task["name"], _text(task, "description")) == outcome]
        found.lost += [] if right else [f"call {survey.number}: reminder of {person}"]
        found.doubled += [f"call {survey.number}: {len(right)} reminders of {person}"] if len(right) > 1 else []
        mine = [task for task in mine if task not in right]
    found.off += [f"call {survey.number}: reminder {task['id']} must not be open" for task in mine]


def _items(note: Mapping[str, Any]) -> Iterator[Item]:
    return items_of_comment(_text(note, "post"))


def _mailed(mail: Mail) -> Iterator[tuple[str, str, str]]:
    item, phone = item_of_mail(mail, "smtp"), _phone(mail.text)
    if item is not None and item.to is not None and item.kind == "mail":
        yield phone, item.to, item.what


def _text(record: Mapping[str, Any], name: str) -> str:
    """What a reader sees."""
    return _INVISIBLE.sub("", shown(str(record[name]))).replace("\u00a0", " ")


def _phone(text: str) -> str:
    found = re.search(r"\+7916\d{7}", text)
    return found.group() if found else ""


def _twice(what: str, marks: Sequence[str]) -> list[str]:
    return [f"{what} {mark}: {times} times" for mark, times in Counter(marks).items() if times > 1]
