"""Alerts go to a webhook too, signed, whatever becomes of the mail server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from connectors.base import Done, NotDone
from plugin.monitoring.webhook import AlertWebhook
from tests.plugin.delivery.fake_crm import START
from tests.plugin.monitoring.watched import ADMIN, Watched
from tests.support.processes import free_port
from tests.support.webhook import Receiver, webhook_receiver

SECRET = "whsec_" + base64.b64encode(b"w" * 32).decode()
URL_SAFE = "whsec_" + base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as receiver:
        yield receiver


def told_by(watched: Watched, receiver: Receiver, *to: str) -> Watched:
    watched.policy = replace(watched.policy, to=to, webhook=receiver.url, webhook_secret=SECRET)
    return watched


# --- what does not get through -----------------------------------------------------------------------


def test_while_the_mail_server_is_away_the_webhook_tells(watched: Watched, receiver: Receiver) -> None:
    told_by(watched, receiver, ADMIN).mailer.answers = ["error"] * 20
    watched.account("smtp", START - timedelta(hours=1))
    watched.look()
    assert watched.mailer.mails == []
    [posted] = receiver.posted
    assert posted.event["data"]["subject"] == "[optout] Нет связи"
    assert "почтовый сервер не принимает письма" in posted.event["data"]["text"]


@pytest.mark.parametrize("status", [500, 503, 429, 404, 410, 401, 301])
def test_what_the_receiver_refuses_is_sent_again_under_the_same_id_with_growing_waits(
    watched: Watched, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status] * 3
    told_by(watched, receiver).parked()
    for _ in range(12):
        watched.look(minutes=2)
    ids = {posted.headers["webhook-id"] for posted in receiver.posted}
    assert (len(receiver.posted), len(ids)) == (4, 1)
    # Signed anew each time: receivers refuse old ones.
    assert len({posted.headers["webhook-timestamp"] for posted in receiver.posted}) == 4
    [row] = watched.mails()
    assert (row.state, row.attempts) == ("done", 4)


def test_a_receiver_that_is_away_holds_up_no_mail(watched: Watched, receiver: Receiver) -> None:
    told_by(watched, receiver, ADMIN)
    watched.policy = replace(watched.policy, webhook=f"http://127.0.0.1:{free_port()}/in")
    watched.parked()
    watched.look()
    assert watched.subjects == ["[optout] Доставки остановлены"]
    assert {row.address: row.state for row in watched.mails()} == {ADMIN: "done", "webhook": "pending"}


def test_neither_the_address_nor_the_secret_is_logged(watched: Watched, receiver: Receiver) -> None:
    receiver.statuses = [500]
    told_by(watched, receiver).parked()
    with capture_logs() as logs:
        watched.look()
    assert "room=7" not in repr((logs, watched.policy))
    assert SECRET not in repr((logs, watched.policy, watched.mails()))


@pytest.mark.parametrize("url", ["http://alerts.example.org/in", "ftp://127.0.0.1/", "https://u:p@alerts.example.org/"])
def test_an_address_that_no_request_should_go_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not|holds"):
        AlertWebhook(url, SECRET, lambda: START)


# --- what gets through -------------------------------------------------------------------------------


def test_an_alert_and_its_end_are_posted_once_each_and_signed(watched: Watched, receiver: Receiver) -> None:
    watched.clock.wrong_by = datetime.now(UTC) - watched.clock.true
    delivery = told_by(watched, receiver).parked()
    for host in ("one", "two", "one"):
        watched.look(host=host)
    watched.done(delivery)
    watched.look()
    begun, over = receiver.posted
    assert [posted.event["type"] for posted in (begun, over)] == ["alert.opened", "alert.over"]
    for posted in (begun, over):
        assert posted.path == "/in?room=7"
        assert posted.headers["content-type"] == "application/json"
        Webhook(SECRET).verify(posted.body, dict(posted.headers))
    data = begun.event["data"]
    assert (data["plugin"], data["kind"], data["over"]) == ("optout", "delivery_parked", False)
    assert f"доставка № {delivery}" in data["text"]
    assert watched.mailer.mails == []
    assert watched.alerts()[0].notified_at is not None


def test_a_secret_without_prefix_or_padding_is_the_same_one(receiver: Receiver) -> None:
    moment = datetime.now(UTC)
    bare = SECRET.removeprefix("whsec_").rstrip("=")
    assert AlertWebhook(receiver.url, bare, lambda: moment).send("alert_1", {"type": "x"}) == Done("alert_1")
    Webhook(SECRET).verify(receiver.posted[0].body, dict(receiver.posted[0].headers))


@pytest.mark.parametrize("as_pasted", ["v1,{}", '"{}"', " {}\n"])
def test_a_secret_is_read_here_as_sources_secrets_are(receiver: Receiver, as_pasted: str) -> None:
    moment = datetime.now(UTC)
    webhook = AlertWebhook(receiver.url, as_pasted.format(URL_SAFE), lambda: moment)
    assert webhook.send("alert_1", {"type": "x"}) == Done("alert_1")
    [posted] = receiver.posted
    assert posted.headers["webhook-signature"] == Webhook(b"\xfb\xff" * 16).sign(
        "alert_1", moment, posted.body.decode()
    )


def test_a_refusal_says_who_answered_what(receiver: Receiver) -> None:
    receiver.statuses = [403]
    outcome = AlertWebhook(receiver.url, SECRET, lambda: START).send("alert_1", {"type": "x"})
    assert isinstance(outcome, NotDone)
    assert outcome.why.endswith("answered 403")
