"""What the plugin does with any connector: its writes and looks, by the kind of record."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

import pytest

from connectors.base import CommentWrite, EmailWrite, Kind, Outcome, ReminderWrite, Write
from connectors.kit.reference_mark import reference_mark
from tests.connectors.contract.rig import Rig
from tests.support.fake_api import FakeApi, Fault

SUBJECT = "ИСКЛЮЧИТЬ"
WORDS = "Исключить из опросов по телефону"
DUE = datetime(2027, 3, 12, 9, 0, tzinfo=UTC)
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")


def api_of(rig: Rig) -> FakeApi:
    """The rig's server."""
    return next(part for part in vars(rig).values() if isinstance(part, FakeApi))


def key(name: str = "one") -> str:
    """A delivery's key."""
    return hashlib.sha256(name.encode()).hexdigest()


def text(words: str = WORDS, name: str = "one") -> str:
    """A text as the plugin sends it, with the mark of its key below."""
    return f"{words}\n{reference_mark(key(name))}"


def job(rig: Rig, kind: Kind, words: str = WORDS, name: str = "one", *, missing: bool = False) -> Write:
    """A write of this kind, to the first of the people, at the rig's card or at the missing one."""
    card, person = rig.missing if missing else rig.card, rig.people[0]
    match kind:
        case "comment":
            return CommentWrite(card, text(words, name), key(name))
        case "reminder":
            return ReminderWrite(card, person, SUBJECT, text(words, name), DUE, key(name))
        case "email":
            return EmailWrite(person, SUBJECT, text(words, name), key(name))


def written(rig: Rig, kind: Kind, words: str = WORDS, name: str = "one", *, missing: bool = False) -> Outcome:
    """Make one write by the method of its kind."""
    item, connector = job(rig, kind, words, name, missing=missing), rig.connector
    match item:
        case CommentWrite():
            return connector.add_comment(item.card, item.text, item.key)
        case ReminderWrite():
            return connector.create_reminder(item.card, item.assignee, item.subject, item.text, item.due, item.key)
        case EmailWrite():
            return connector.notify_email(item.assignee, item.subject, item.text, item.key)


def play(rig: Rig, fault: Fault) -> None:
    """Have the next writing request meet this; a fault that this CRM does not have is left out with its reason."""
    if fault in rig.never:
        assert rig.never[fault].strip()
        pytest.skip(rig.never[fault])
    rig.fault(fault)


def read(shown: str) -> str:
    """What a reader sees of a text: nothing of what is invisible."""
    return _INVISIBLE.sub("", shown).replace("\u00a0", " ").replace("\r\n", "\n")


def check_found(rig: Rig, kind: Kind, remote_id: str, name: str = "one") -> None:
    """What was written is found again. Not every CRM shows what it mailed: a mail may go out twice, but not never."""
    found = rig.connector.find(kind, rig.card, key(name))
    assert found == remote_id or (kind == "email" and found is None)
