"""The dialogue with servers that refuse at every step, and the name that they are greeted by."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Done, NotDone
from connectors.smtp import Mailer
from connectors.smtp.ehlo_name import greeting_name, is_greeting_name
from tests.support.rawserver import CERTIFICATE
from tests.support.refusing_mail import STEPS, TEXT, refusing_server

TLS: dict[str, Any] = {"security": "starttls", "ca_file": str(CERTIFICATE)}


def mailer(port: int, **options: Any) -> Mailer:
    return Mailer("127.0.0.1", port, "optout@dealer.example", timeout_seconds=5.0, **options)


def send(port: int, **options: Any) -> Any:
    return mailer(port, **options).send("a@dealer.example", "s", "t", "<m@dealer.example>")


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS[:6])
@pytest.mark.parametrize("reply", ["421 4.3.2 not now", "554 5.7.1 rejected", "550 no"])
def test_what_is_refused_before_a_recipient_is_named_is_the_accounts_and_never_for_good(step: str, reply: str) -> None:
    with refusing_server(tls=True) as server:
        server.refuse(step, reply)
        outcome = send(server.port, user="u", password="p4ssw0rd", **TLS)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.at_fault, outcome.status) == (False, "account", int(reply[:3]))
    assert "p4ssw0rd" not in outcome.why


@pytest.mark.parametrize(
    ("step", "reply", "at_fault"),
    [
        ("RCPT", "550 5.1.1 no such user", "record"),
        ("RCPT", "550 5.2.1 mailbox disabled", "record"),
        ("RCPT", "550 no such user", "record"),
        ("RCPT", "551 not local", "record"),
        ("RCPT", "553 mailbox name not allowed here", "either"),
        ("RCPT", "553 no such mailbox", "record"),
        ("RCPT", "550 5.7.1 relaying denied", "either"),
        ("RCPT", "550 relay not permitted", "either"),
        ("RCPT", "550 5.1.8 sender's domain does not exist", "either"),
        ("RCPT", "554 transaction failed", "either"),
        ("RCPT", "550 2.1.1 of another class", "record"),
        ("RCPT", "450 4.7.1 greylisted", "record"),
        ("RCPT", "421 4.7.0 too many mails", "account"),
        ("DATA", "554 5.5.1 no valid recipients", "either"),
        (TEXT, "554 5.7.1 Message rejected under suspicion of SPAM", "either"),
        (TEXT, "553 5.7.1 Sender address rejected", "either"),
        (TEXT, "554 rejected", "either"),
        (TEXT, "550 message looks like spam", "either"),
        (TEXT, "550 5.1.1 no such user", "record"),
        (TEXT, "552 5.3.4 message too big", "record"),
        (TEXT, "552 too much mail data", "record"),
        (TEXT, "554 5.6.0 malformed", "record"),
        (TEXT, "451 4.3.0 try later", "record"),
    ],
)
def test_whose_fault_a_later_refusal_is(step: str, reply: str, at_fault: str) -> None:
    with refusing_server() as server:
        server.refuse(step, reply)
        outcome = send(server.port)
    assert isinstance(outcome, NotDone)
    assert (outcome.at_fault, outcome.permanent) == (at_fault, at_fault == "record" and reply[0] == "5")
    assert server.accepted == []


def test_an_answer_to_ehlo_is_told_although_the_server_hangs_up() -> None:
    with refusing_server() as server:
        server.refuse("EHLO", "421 4.7.0 bad name")
        outcome = send(server.port)
        found = mailer(server.port).check()
    assert "421" in outcome.why
    assert [point.ok for point in found] == [True, False, None]
    assert found[1].remedy.startswith("Set [smtp] ehlo_name ")
    assert "421 to EHLO" in found[1].remedy


@pytest.mark.parametrize("step", [*STEPS[:7], "RSET"])
def test_the_trial_names_the_step_that_was_refused_and_what_was_not_tried(step: str) -> None:
    with refusing_server(tls=True) as server:
        server.refuse(step, "554 5.7.1 <a@dealer.example> not welcome, p4ssw0rd")
        found = mailer(server.port, user="u", password="p4ssw0rd", **TLS).check([("role a", "a@dealer.example")])
    refused = [point for point in found if point.ok is False]
    assert len(refused) == 1
    place = found.index(refused[0])
    assert place == min(STEPS.index(step), 6) if step in STEPS else place == 7
    assert all(point.ok for point in found[:place])
    assert all(point.ok is None for point in found[place + 1 :])
    assert "554" in refused[0].remedy
    assert "a@dealer.example" not in refused[0].remedy
    assert server.accepted == []


# --- accepted --------------------------------------------------------------------------------------


def test_after_starttls_the_server_is_greeted_again_without_a_log_in_too() -> None:
    with refusing_server(tls=True) as server:
        assert isinstance(send(server.port, **TLS), Done)
    assert [line.split()[0] for line in server.said[:4]] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
    assert len(server.accepted) == 1


def test_a_server_that_knows_no_ehlo_is_greeted_by_helo() -> None:
    with refusing_server() as server:
        server.refuse("EHLO", "502 5.5.1 not implemented")
        assert isinstance(send(server.port), Done)
    assert [line.split()[0] for line in server.said[:2]] == ["EHLO", "HELO"]


def test_the_server_is_greeted_by_the_name_of_the_settings() -> None:
    with refusing_server() as server:
        send(server.port, ehlo_name="plugin.dealer.example")
    assert server.said[0] == "EHLO plugin.dealer.example"


@pytest.mark.parametrize(
    ("host", "address", "name"),
    [
        ("plugin.dealer.example", "192.0.2.7", "plugin.dealer.example"),
        ("vm", "192.0.2.7", "[192.0.2.7]"),
        ("localhost.localdomain", "192.0.2.7", "[192.0.2.7]"),
        ("под.дилер.рф", "192.0.2.7", "[192.0.2.7]"),
        ("my_host.example", "192.0.2.7", "[192.0.2.7]"),
        ("10.0.0.5", "192.0.2.7", "[192.0.2.7]"),
        ("vm", "2001:db8::7", "[IPv6:2001:db8::7]"),
        ("vm", "fe80::1%eth0", "[IPv6:fe80::1]"),
        ("vm", "::ffff:192.0.2.7", "[192.0.2.7]"),
        ("vm", "127.0.0.1", "[127.0.0.1]"),
    ],
)
def test_the_usual_name_is_the_full_host_name_or_the_connections_own_address(
    host: str, address: str, name: str
) -> None:
    assert greeting_name(host, address) == name
    assert is_greeting_name(name)


@pytest.mark.parametrize(
    "name", ["", "vm", "a b.example", "дилер.рф", "[1.2.3]", "[::1]", "1.2.3.4", "-a.example", "a."]
)
def test_what_no_server_can_be_greeted_by(name: str) -> None:
    assert not is_greeting_name(name)
