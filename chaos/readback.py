"""Reads the CRM back over its API, and the mails that arrived, and sorts everything by the call that it belongs to."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chaos.model import Item
from chaos.script import ADDRESSES, CANCEL, ELSEWHERE, EXCLUDE, LABELS, NOT_FINISHED, OUTCOMES, UNFINISHED
from chaos.story import Story
from tests.support.mailbox import Mail

SENDER = "opt-out@example.org"
_PHONE = re.compile(r"\+7916\d{7}")
_REPLACES = re.compile(r"^Исправление: прежняя запись по этому звонку \(«(.+)»\) отменена\.$", re.MULTILINE)
_INSTEAD = re.compile(r"^ИСПРАВЛЕНИЕ: прежняя запись по этому звонку \(«(.+)»\) отменена, действует эта\.\n")
_CORRECTS = re.compile(r"^Исправление по звонку .+: прежняя запись \(«(.+)»\) отменена, (.+)\.$", re.MULTILINE)
_NEW = re.compile(r"новый итог — «(.+)»")
_NOT_HERE = "она относится не к этой карточке"
_TAKEN_BACK = re.compile(r"^Прежнее напоминание по этому звонку \(«(.+)»\) отменяется, новый итог — «(.+)»\.$")
_ASKS = "\nОтветил другой клиент: "
_COMMENTS = {outcome.comment: name for name, outcome in OUTCOMES.items() if outcome.comment}
_REMINDERS = {outcome.reminder: name for name, outcome in OUTCOMES.items() if outcome.reminder}
_PEOPLE = {address: person for person, address in ADDRESSES.items()}


@dataclass
class Found:
    """What was found: the states of each item by call, and what belongs to no call or cannot be read.

    ``keys`` counts the records under each key that the plugin gave them, by collection.
    """

    items: dict[int, dict[Item, list[str | None]]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    keys: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    mails: int = 0

    def add(self, story: int, item: Item, state: str | None = None) -> None:
        self.items.setdefault(story, {}).setdefault(item, []).append(state)


class Crm(Protocol):
    """What is read back: ``tests.support.crm.CrmApi``."""

    def all(self, path: str, /) -> list[dict[str, Any]]: ...

    def reminders(self) -> list[dict[str, Any]]: ...

    def mails(self) -> list[dict[str, Any]]: ...


def read_back(crm: Crm, mails: dict[str, Mail], stories: Sequence[Story]) -> Found:
    """Everything that the CRM and the mail server hold now."""
    found = Found()
    cards = {story.card: (story.number, "own") for story in stories}
    cards |= {story.other_card: (story.number, "other") for story in stories if story.other_card}
    comments, reminders, own_mails = crm.all("comments"), crm.reminders(), crm.mails()
    for name, records in (("comment", comments), ("reminder", reminders), ("crm_email", own_mails)):
        found.keys[name] = Counter(record["external_key"] for record in records)
    for record in [*comments, *reminders]:
        owner = cards.get(record["card"])
        items = list(_reminder(record) if "assignee" in record else items_of_comment(record["text"]))
        if owner is None or not items:
            found.strange.append(f"record {record['id']} of card {record['card']}: {record['text'][:120]!r}")
        else:
            number, place = owner
            for item in items:
                found.add(number, replace(item, place=place), record.get("state"))
    _sort_mails(found, mails, own_mails)
    return found


def _sort_mails(found: Found, mails: dict[str, Mail], own: Iterable[dict[str, Any]]) -> None:
    # A mail of the CRM may be there twice like any mail; its reader tells repeats apart by the reference in it.
    of_the_crm = {record["external_key"]: record for record in own}
    arrived = [(mails[record["message_id"]], "crm") for record in of_the_crm.values() if record["message_id"] in mails]
    found.strange += [
        f"mail {record['id']} of the CRM never arrived"
        for record in of_the_crm.values()
        if record["message_id"] not in mails
    ]
    arrived += [(mail, "smtp") for mail in mails.values() if mail.sender == SENDER]
    found.mails = len(arrived)
    for mail, channel in arrived:
        phone, item = _PHONE.search(mail.text), item_of_mail(mail, channel)
        if phone is None or item is None:
            found.strange.append(f"mail {mail.subject!r} to {mail.to}: {mail.text[:120]!r}")
        else:
            found.add(int(phone.group()[5:]), item)


# --- what a text says ------------------------------------------------------------------------------


def items_of_comment(text: str) -> Iterator[Item]:
    """A comment; or, where it only corrects, each correction in it."""
    what = _COMMENTS.get(_first_line(text))
    if what is not None:
        *more, replaced = [LABELS.get(old, old) for old in _REPLACES.findall(text)] or [None]
        yield Item("comment", what, replaced, asks=_ASKS in text)
        yield from (Item("correction", what, old) for old in more)
        return
    for old, said in _CORRECTS.findall(text):
        new = _NEW.fullmatch(said)
        if new or said == _NOT_HERE:
            yield Item("correction", LABELS.get(new[1], new[1]) if new else ELSEWHERE, LABELS.get(old, old))


def _reminder(record: dict[str, Any]) -> Iterator[Item]:
    replaced, text = _opened(record["text"])
    what = _told(record["subject"], text)
    if what is not None:
        yield Item("reminder", what, replaced, None, record["assignee"], asks=_ASKS in text)


def item_of_mail(mail: Mail, channel: str) -> Item | None:
    """What a mail tells; None where it cannot be read."""
    person = _PEOPLE.get(mail.to)
    if mail.subject.startswith(CANCEL):
        taken = _TAKEN_BACK.match(_first_line(mail.text))
        if person is None or taken is None or taken[2] not in LABELS:
            return None
        return Item("cancellation", LABELS[taken[2]], LABELS.get(taken[1]), None, person, channel)
    replaced, text = _opened(mail.text)
    what = _told(mail.subject, text)
    if person is None or what is None:
        return None
    return Item("mail", what, replaced, None, person, channel, _ASKS in text)


def told(subject: str, text: str) -> str | None:
    """The outcome that a reminder tells of, whatever it says first that it replaces."""
    return _told(subject, _opened(text)[1])


def _told(subject: str, text: str) -> str | None:
    if subject == UNFINISHED:
        return NOT_FINISHED
    return _REMINDERS.get(_first_line(text)) if subject == EXCLUDE else None


def _opened(text: str) -> tuple[str | None, str]:
    """What a reminder says first that it replaces, and the rest of it."""
    line = _INSTEAD.match(text)
    return (LABELS.get(line[1], line[1]), text[line.end() :]) if line else (None, text)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
