"""Headers with Russian text: encoded words as RFC 2047 wants them, and the same text for the reader."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.smtp.message import build_message

NOW = datetime(2026, 11, 22, 13, 15, tzinfo=UTC)
WORD = re.compile(rb"=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=")
LONG = "ОТМЕНА: Разговор не завершён: решить вручную, клиент просил исключить его из опросов"


def built(subject: str = "ИСКЛЮЧИТЬ", name: str = "") -> bytes:
    sender = f"{name} <otk@dealer.example>" if name else "otk@dealer.example"
    return build_message(sender, "a@b.example", subject, "t", "m@b.example", NOW).as_bytes()


def check(raw: bytes) -> None:
    head = raw.split(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        assert len(line) <= 76 or b"=?" not in line
    for word in WORD.finditer(head):
        assert len(word[0]) <= 75
        # Whole characters only.
        base64.b64decode(word[1]).decode()


@pytest.mark.parametrize(
    "subject", ["ИСКЛЮЧИТЬ", LONG, LONG * 5, "😀" * 40, "a" * 500, "=?utf-8?B?YQ==?=", " край ", "А "]
)
def test_a_subject_comes_out_as_it_went_in(subject: str) -> None:
    raw = built(subject)
    check(raw)
    assert message_from_bytes(raw, policy=default)["Subject"] == subject


@pytest.mark.parametrize("name", ["ОТК", LONG, "OTK", "Avilon, Service", 'Отдел "О"', "Opt-out (test)", "a" * 200])
def test_a_senders_name_comes_out_as_it_went_in(name: str) -> None:
    raw = built(name=name)
    check(raw)
    # Not the library's newer reader: that one puts blanks between the encoded words of a name.
    shown, spec = parseaddr(str(message_from_bytes(raw)["From"]))
    assert (str(make_header(decode_header(shown))), spec) == (name, "otk@dealer.example")


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), min_size=1, max_size=200))
def test_any_subject_makes_words_of_whole_characters(subject: str) -> None:
    check(built(subject))
