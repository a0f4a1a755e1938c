"""Mail over SMTP to a real server: what it says, and what becomes of it when it goes wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.base import Done, NotDone, Outcome, Unknown
from connectors.smtp import Mailer
from connectors.smtp.message import UnusableMail, build_message
from tests.support.mail import MailSink, mail_sink
from tests.support.processes import free_port
from tests.support.rawserver import CERTIFICATE, server_context

SENDER = "Исключения <optout@dealer.example>"
TO = "coordinator@dealer.example"
MESSAGE_ID = f"<{'0123456789abcdef' * 4}.survey-coordinator@optout.dealer.example>"
NOW = datetime(2026, 11, 22, 13, 15, tzinfo=timezone(timedelta(hours=3)))


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


def mailer(port: int, **options: Any) -> Mailer:
    return Mailer("127.0.0.1", port, SENDER, now=lambda: NOW, **({"timeout_seconds": 2.0} | options))


def send(port: int, **options: Any) -> Any:
    return mailer(port, **options).send(TO, "ИСКЛЮЧИТЬ", "Текст", MESSAGE_ID)


# --- not sent --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "subject", "text", "message_id"),
    [
        ("a@b.example\nBcc: c@d.example", "s", "t", MESSAGE_ID),
        ("a@b.example\r\nBcc: c@d.example", "s", "t", MESSAGE_ID),
        ("a@b.example, c@d.example", "s", "t", MESSAGE_ID),
        ("nobody", "s", "t", MESSAGE_ID),
        ("", "s", "t", MESSAGE_ID),
        ("иван@b.example", "s", "t", MESSAGE_ID),
        ("a@", "s", "t", MESSAGE_ID),
        ("ivаnov@dealer.example", "s", "t", MESSAGE_ID),
        ("Анна <anna@b.example>", "s", "t", MESSAGE_ID),
        (TO, "s", "t", "<a@b>\nX: y"),
        (TO, "s", "t", "no-domain"),
        (TO, "s", "t", "<a b@c>"),
        (TO, "s", "t", ""),
    ],
)
def test_a_mail_that_cannot_be_written_is_refused_for_good(
    sink: MailSink, to: str, subject: str, text: str, message_id: str
) -> None:
    outcome = mailer(sink.port).send(to, subject, text, message_id)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert "example" not in outcome.why
    assert sink.connections == 0


def test_a_server_that_refuses_the_connection_is_worth_another_try() -> None:
    outcome = send(free_port())
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent


@pytest.mark.parametrize(
    ("greeting", "permanent", "status"),
    [(b"421 busy\r\n", False, 421), (b"554 not here\r\n", False, 554), (b"", False, None), (b"hello\r\n", False, None)],
)
def test_a_server_that_does_not_greet(greeting: bytes, permanent: bool, status: int | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def play() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(greeting)

        thread = threading.Thread(target=play)
        thread.start()
        outcome = send(listener.getsockname()[1])
        thread.join()
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (permanent, status)


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        outcome = send(listener.getsockname()[1], timeout_seconds=0.3)
        assert time.monotonic() - started < 15
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert "in time" in outcome.why


@pytest.mark.parametrize(("reply", "permanent"), [("550 5.1.1 no such user", True), ("451 4.3.0 try later", False)])
def test_a_refused_recipient(sink: MailSink, reply: str, permanent: bool) -> None:
    sink.rcpt_replies.append(reply)
    outcome = send(sink.port)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (permanent, int(reply[:3]))
    assert sink.messages == []


@pytest.mark.parametrize(
    ("reply", "permanent"), [("554 5.7.1 spam", False), ("552 5.3.4 too big", True), ("452 4.2.2 disk full", False)]
)
def test_a_refused_text(sink: MailSink, reply: str, permanent: bool) -> None:
    sink.data_replies.append(reply)
    outcome = send(sink.port)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (permanent, int(reply[:3]))


def test_a_servers_words_are_told_without_addresses(sink: MailSink) -> None:
    sink.rcpt_replies.append(f"550 <{TO}> unknown")
    assert TO not in send(sink.port).why


def test_a_connection_lost_before_the_text_is_surely_not_done(sink: MailSink) -> None:
    sink.rcpt_replies.append("drop")
    outcome = send(sink.port)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent


@pytest.mark.parametrize("reply", ["drop", "drop-before"])
def test_a_connection_lost_after_the_text_is_unknown(sink: MailSink, reply: str) -> None:
    sink.data_replies.append(reply)
    assert isinstance(send(sink.port), Unknown)


def test_a_wrong_password_is_the_accounts_and_not_told() -> None:
    with mail_sink(user="crm", password="right") as sink:
        outcome = send(sink.port, user="crm", password="wr0ng")
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status, outcome.at_fault) == (False, 535, "account")
    assert "wr0ng" not in repr((outcome, mailer(sink.port, user="crm", password="wr0ng")))


def waits_for_the_server_to_be_mended(outcome: Outcome) -> bool:
    """Not done for now, and nobody's but the server's fault: with neither a status nor a time of its own."""
    return isinstance(outcome, NotDone) and (outcome.permanent, outcome.status, outcome.after) == (False, None, None)


def test_a_log_in_that_the_server_does_not_offer_is_waited_for(sink: MailSink) -> None:
    assert waits_for_the_server_to_be_mended(send(sink.port, user="crm", password="right"))


def test_encryption_that_the_server_does_not_offer_is_waited_for(sink: MailSink) -> None:
    assert waits_for_the_server_to_be_mended(send(sink.port, security="starttls"))
    assert sink.messages == []


def test_an_untrusted_certificate_keeps_mails_waiting_until_it_is_mended() -> None:
    with mail_sink(tls_context=server_context()) as sink:
        outcome = send(sink.port, security="starttls")
    assert waits_for_the_server_to_be_mended(outcome)
    assert "certificate" in outcome.why


def test_wrong_settings_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="security"):
        Mailer("127.0.0.1", 25, SENDER, security="ssl")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from"):
        Mailer("127.0.0.1", 25, "nobody")


# --- sent ------------------------------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_given(sink: MailSink) -> None:
    text = (
        "Просьба исключить клиента.\n.начинается с точки\n"
        + "Очень длинная строка. " * 200
        + "\n[ref:0123456789abcdef]"
    )
    assert mailer(sink.port).send(TO, "ИСКЛЮЧИТЬ", text, MESSAGE_ID) == Done(MESSAGE_ID)
    (received,) = sink.messages
    assert (received.sender, received.recipients) == ("optout@dealer.example", (TO,))
    message = received.message
    assert message["Subject"] == "ИСКЛЮЧИТЬ"
    assert message["From"] == SENDER
    assert message["To"] == TO
    assert message["Message-ID"] == MESSAGE_ID
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.astimezone(UTC) == NOW.astimezone(UTC)
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"
    assert received.text.rstrip("\n") == text


def test_headers_travel_in_ascii_on_lines_of_their_own(sink: MailSink) -> None:
    subject = "ОТМЕНА: ИСКЛЮЧИТЬ " * 8
    assert isinstance(mailer(sink.port).send(TO, subject.strip(), "t", MESSAGE_ID), Done)
    (received,) = sink.messages
    head = received.content.split(b"\r\n\r\n")[0]
    assert head.isascii()
    assert f"Message-ID: {MESSAGE_ID}\r\n".encode() in head
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if b"=?" in line)
    assert received.message["Subject"] == subject.strip()


def test_a_repeat_carries_the_same_message_id(sink: MailSink) -> None:
    for given in (MESSAGE_ID, MESSAGE_ID.strip("<>")):
        assert send(sink.port) == mailer(sink.port).send(TO, "ИСКЛЮЧИТЬ", "Текст", given) == Done(MESSAGE_ID)
    assert {str(received.message["Message-ID"]) for received in sink.messages} == {MESSAGE_ID}


def test_a_cyrillic_domain_is_reached_by_its_ascii_name(sink: MailSink) -> None:
    assert isinstance(mailer(sink.port).send("info@дилер.рф", "s", "t", MESSAGE_ID), Done)
    assert sink.messages[0].recipients == ("info@xn--d1acim0a.xn--p1ai",)


def test_a_log_in_over_starttls() -> None:
    with mail_sink(user="crm", password="right", tls_context=server_context()) as sink:
        options = {"security": "starttls", "user": "crm", "password": "right", "ca_file": str(CERTIFICATE)}
        assert isinstance(send(sink.port, **options), Done)
        assert len(sink.messages) == 1


def test_tls_from_the_first_byte() -> None:
    context = server_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        received = bytearray()

        def play() -> None:
            raw, _ = listener.accept()
            with context.wrap_socket(raw, server_side=True) as sock:
                sock.sendall(b"220 hi\r\n")
                for reply in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                    received.extend(sock.recv(65_536))
                    sock.sendall(reply)
                while not received.endswith(b"\r\n.\r\n"):
                    received.extend(sock.recv(65_536))
                sock.sendall(b"250 kept\r\n")
                received.extend(sock.recv(65_536))
                sock.sendall(b"221 bye\r\n")

        thread = threading.Thread(target=play)
        thread.start()
        outcome = send(listener.getsockname()[1], security="tls", ca_file=str(CERTIFICATE))
        thread.join()
    assert outcome == Done(MESSAGE_ID)
    assert b"Message-ID: " in received


def test_a_message_can_be_built_on_its_own() -> None:
    message = build_message(SENDER, TO, "ИСКЛЮЧИТЬ", "Текст", "a@b", NOW)
    assert message["Message-ID"] == "<a@b>"
    with pytest.raises(UnusableMail, match="message id"):
        build_message(SENDER, TO, "a", "Текст", "a@b\nX: y", NOW)


@pytest.mark.parametrize(
    ("subject", "arrives"),
    [("s\nBcc: c@d.example", "s Bcc: c@d.example"), ("s\r\nX: y", "s X: y"), ("a\0b", "a b"), ("\ud83d!", "\ufffd!")],
)
def test_a_subject_stays_on_one_line_and_is_mended(sink: MailSink, subject: str, arrives: str) -> None:
    assert isinstance(mailer(sink.port).send(TO, subject, "Полтора \ud83d знака\0", MESSAGE_ID), Done)
    (received,) = sink.messages
    assert received.message["Subject"] == arrives
    assert received.message["Bcc"] is received.message["X"] is None
    assert received.text.rstrip("\n ") == "Полтора \ufffd знака"
    assert received.recipients == (TO,)


def test_a_reply_goes_to_whom_the_settings_name(sink: MailSink) -> None:
    assert isinstance(send(sink.port, reply_to="Отдел контроля <otk@dealer.example>"), Done)
    assert sink.messages[0].message["Reply-To"] == "Отдел контроля <otk@dealer.example>"


def test_a_mail_may_refer_to_an_earlier_one(sink: MailSink) -> None:
    assert mailer(sink.port).send(TO, "s", "t", MESSAGE_ID, refers_to=["<first@dealer.example>"]) == Done(MESSAGE_ID)
    message = sink.messages[0].message
    assert message["References"] == message["In-Reply-To"] == "<first@dealer.example>"


# --- without mailing anybody -----------------------------------------------------------------------

ANSWERS, GREETED, GREETED_AGAIN = (
    "the mail server answers",
    "it takes the plugin's greeting (EHLO)",
    "it takes the greeting again, encrypted (EHLO)",
)
ENCRYPTED, LOGGED_IN, SENDS = (
    "the connection is encrypted",
    "the log-in is accepted",
    "the sender is accepted (MAIL FROM)",
)


def points(port: int, *recipients: tuple[str, str], **options: Any) -> list[tuple[str, str]]:
    """Each point and what became of it."""
    found = mailer(port, **options).check(recipients)
    return [(point.name, {True: "ok", False: "failed", None: "not tried"}[point.ok]) for point in found]


def test_a_server_that_is_not_there_fails_the_first_point_with_a_remedy() -> None:
    point, *others = mailer(free_port()).check()
    assert (point.name, point.ok) == (ANSWERS, False)
    assert point.remedy.startswith("Correct [smtp] host and port, ")
    assert [other.ok for other in others] == [None, None]


def test_a_server_without_encryption_fails_where_it_is_asked_for(sink: MailSink) -> None:
    assert points(sink.port, security="starttls") == [
        (ANSWERS, "ok"),
        (GREETED, "ok"),
        (ENCRYPTED, "failed"),
        (GREETED_AGAIN, "not tried"),
        (SENDS, "not tried"),
    ]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_is_not_trusted_fails_encryption(security: str) -> None:
    context = server_context()
    with mail_sink(tls_context=context if security == "starttls" else None) as sink:
        found = dict(points(sink.port, security=security))
    assert (found[ANSWERS], found[ENCRYPTED], found[SENDS]) == ("ok", "failed", "not tried")


def test_a_wrong_password_fails_the_log_in_and_is_not_repeated_in_the_remedy() -> None:
    with mail_sink(user="opt-out", password="right") as sink:
        found = mailer(sink.port, user="opt-out", password="wr0ng-pass").check()
    refused = next(point for point in found if point.name == LOGGED_IN)
    assert not refused.ok
    assert "535" in refused.remedy
    assert "wr0ng-pass" not in repr(found)


def test_a_sender_that_the_server_does_not_take_fails_and_recipients_are_not_tried() -> None:
    with mail_sink(user="opt-out", password="right") as sink:
        # Who has not logged in may not send.
        found = points(sink.port, ("role a", TO))
    assert found[-2:] == [(SENDS, "failed"), ("mail to role a is accepted (RCPT TO)", "not tried")]


def test_each_recipient_is_a_point_and_one_that_is_refused_does_not_hide_the_others(sink: MailSink) -> None:
    sink.rcpt_replies += ["550 5.1.1 no such user", "451 4.7.1 greylisted", "250 OK"]
    recipients = [("role a", "a@b.example"), ("role b", "b@b.example"), ("admin 1", "c@b.example")]
    found = points(sink.port, *recipients, ("admin 2", "коорд@b.example"))
    assert [state for _, state in found] == ["ok", "ok", "ok", "failed", "not tried", "ok", "failed"]
    assert sink.messages == []


def test_a_server_that_takes_everything_is_mailed_nothing(sink: MailSink) -> None:
    assert points(sink.port) == [(ANSWERS, "ok"), (GREETED, "ok"), (SENDS, "ok")]
    assert sink.messages == []


def test_with_encryption_and_log_in_each_is_a_point_of_its_own() -> None:
    with mail_sink(user="opt-out", password="right", tls_context=server_context()) as sink:
        found = points(sink.port, security="starttls", user="opt-out", password="right", ca_file=str(CERTIFICATE))
    names = (ANSWERS, GREETED, ENCRYPTED, GREETED_AGAIN, LOGGED_IN, SENDS)
    assert found == [(name, "ok") for name in names]


def test_a_mail_refers_to_the_first_of_its_thread_and_answers_the_last() -> None:
    message = build_message(SENDER, TO, "ИСКЛЮЧИТЬ", "Текст", "c@b", NOW, refers_to=["<a@b>", "b@b"])
    assert (message["References"], message["In-Reply-To"]) == ("<a@b> <b@b>", "<b@b>")
    alone = build_message(SENDER, TO, "ИСКЛЮЧИТЬ", "Текст", "c@b", NOW)
    assert (alone["References"], alone["In-Reply-To"]) == (None, None)
    with pytest.raises(UnusableMail, match="message id"):
        build_message(SENDER, TO, "ИСКЛЮЧИТЬ", "Текст", "c@b", NOW, refers_to=["a@b\nBcc: x@y"])
