"""Every kind of alert has its words in either language, and its mail is in the one that is set."""

from __future__ import annotations

import re
import tomllib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugin.delivery.reasons import REASONS
from plugin.monitoring import lines, lines_en
from plugin.monitoring.model import AlertKind
from plugin.monitoring.wording import MAIL_WORDS, words_of
from tests.plugin.monitoring.watched import Watched

ZONE = ZoneInfo("Europe/Moscow")
SINCE = "2026-11-22T07:15:00+00:00"
#: A reason that there are Russian words for.
KNOWN_REASON = next(one for one in tomllib.loads(REASONS.read_text(encoding="utf-8")) if "{" not in one)
#: One of each kind, and those that are told in other words.
ABOUT: list[tuple[str, dict[str, Any]]] = [
    ("delivery", {"delivery": 7, "what": "comment", "call": 3, "call_id": "c-3", "reason": "no right"}),
    ("settings", {"delivery": 7, "deliveries": 2, "reason": KNOWN_REASON}),
    ("promise", {"call": 3, "call_id": "c-3", "deadline": SINCE, "deliveries": [7, 8]}),
    ("account", {"account": "smtp", "since": SINCE}),
    ("account", {"account": "espocrm.mail", "since": SINCE, "reason": "no connection"}),
    ("account", {"account": "bitrix24", "since": SINCE, "blocked": True}),
    ("rules", {"revision": "a" * 64, "host": "web1", "active": "b" * 64}),
    ("source", {"source": "telephony", "hours": 4.0, "last": SINCE}),
    ("source", {"source": "telephony", "hours": 4.0}),
    ("event", {"event": 5, "connector": "amocrm", "reason": "gone"}),
    ("value", {"connector": "amocrm", "field": "F1", "fact": "survey_type", "value": "48"}),
    ("value", {"connector": "amocrm", "reason": KNOWN_REASON}),
    ("waiting", {"connector": "amocrm", "events": 2, "since": SINCE}),
    ("catch_up", {"connector": "amocrm", "since": SINCE, "failing": SINCE, "reason": "no right"}),
    (
        "refusal",
        {"source": "telephony", "count": 2, "since": SINCE, "status": 422, "code": "bad_fields", "fields": ["x"]},
    ),
    ("changed_reminder", {"delivery": 9, "call": 3, "call_id": "c-3", "what": "reassigned"}),
    ("no_working_time", {"call": 3, "call_id": "c-3", "due": SINCE}),
    ("emergency", {"activation": 3, "revision": "a" * 16, "by": "Anna", "reason": "x", "at": SINCE}),
    ("refusal", {"source": "", "count": 2, "since": SINCE, "status": 401, "code": "bad_signature"}),
]


def is_russian(text: str) -> bool:
    return re.search("[а-яё]", text, re.IGNORECASE) is not None


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_its_words_in_either_language(kind: AlertKind) -> None:
    for language, russian in (("ru", True), ("en", False)):
        words = words_of(kind, language)
        for text in (words.name, words.subject, words.over_subject, words.advice):
            assert text
            assert is_russian(text) == russian
        assert words.line.__module__ == (lines if russian else lines_en).__name__
    assert words_of(kind, "en").line.__name__ == words_of(kind, "ru").line.__name__


@pytest.mark.parametrize(("name", "about"), ABOUT)
def test_a_line_says_the_same_numbers_and_names_in_either_language(name: str, about: dict[str, Any]) -> None:
    russian, english = getattr(lines, name)(about, ZONE), getattr(lines_en, name)(about, ZONE)
    assert is_russian(russian)
    assert not is_russian(english)
    assert sorted(re.findall(r"\d+", russian)) == sorted(re.findall(r"\d+", english))


def test_every_code_of_a_refusal_has_words_in_either_language() -> None:
    assert set(lines_en._REFUSALS) == set(lines._REFUSALS)


def test_mails_are_in_the_language_that_is_set(watched: Watched) -> None:
    watched.language = "en"
    delivery = watched.parked()
    watched.look()
    watched.done(delivery)
    watched.look(20)
    assert watched.subjects == ["[optout] Deliveries are parked", "[optout] Parked deliveries are settled"]
    assert not any(is_russian(text) for _, _, text, _ in watched.mailer.mails)
    assert set(MAIL_WORDS) == {"ru", "en"}
