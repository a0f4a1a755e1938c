"""The whole way with real parts: call results decided by the shipped rules, delivered over HTTP and SMTP, read back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from connectors.smtp import Mailer
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import CrmAccount, DeliveryPolicy, Manifest, Settings, SmtpServer, WebSettings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.delivery import Worker
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries
from plugin.service.housekeeping import UnfinishedCalls
from tests.support.crm import COORDINATOR, SEED, CrmApi, RunningCrm, embedded_crm
from tests.support.databases import migrate
from tests.support.mail import MailSink, mail_sink
from tests.support.processes import ROOT, wait_until

pytestmark = pytest.mark.slow

CARD = "42"
CALLS = {"related_to_car": True, "survey_type": "calls"}
ALL = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
FAULTS = ["throttle", "error_before", "error_after", "drop_before", "drop_after", "commit_after_drop"]


@dataclass
class Shop:
    """A plugin without its web side, on the CRM and the mail server of a test. Its clock can be put forward."""

    crm: RunningCrm
    mail: MailSink
    ledger: Ledger
    home: Path
    ahead: timedelta = timedelta(0)
    events: int = 0
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        migrate(self.ledger)
        self.rules = ActiveRules(self.ledger, self.now)
        self.rules.activate(Rulebook.load(ROOT / "rules"), "test", "first")
        self.settings = Settings(
            home=self.home,
            manifest=Manifest("optout", "1", ()),
            rules_dir=ROOT / "rules",
            default_script="survey_opt_out",
            ledger_url="",
            timezone=ZoneInfo("Europe/Moscow"),
            crm=CrmAccount("embedded", {}),
            sources=(),
            delivery=DeliveryPolicy(threads=3),
            smtp=SmtpServer("127.0.0.1", self.mail.port, "optout@dealer.example"),
            web=WebSettings(),
        )
        self.intake = Intake(self.ledger, self.rules, self.settings, self.now)
        self.connector = self.crm.connector()
        self.worker = self.new_worker()

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def new_worker(self) -> Worker:
        mailer = Mailer("127.0.0.1", self.mail.port, "optout@dealer.example", timeout_seconds=5)
        self.events += 1
        owner = f"test:{self.events}"
        # Time itself jumps here, not a clock that somebody sets.
        return Worker(
            self.ledger,
            self.rules,
            self.connector,
            mailer,
            self.settings,
            self.now,
            owner,
            Random(1),
            monotonic=lambda: time.monotonic() + self.ahead.total_seconds(),
        )

    def call(self, facts: dict[str, Any], **event: Any) -> None:
        self.events += 1
        body = {
            "id": f"evt-{self.events}",
            "occurred_at": self.now().isoformat(),
            "final": True,
            "call": {"id": "c-77", "phone": "+79161234567", "operator": "op"},
            "card": {"type": "contact", "id": CARD, "name": "Иванов Иван Иванович"},
            "facts": facts,
        }
        answer = self.intake.receive_results("test", [body | event])
        assert answer.status in {200, 202}, answer.body

    def work(self) -> None:
        """One round of the service: housekeeping, then what is due."""
        UnfinishedCalls(self.ledger, self.rules, self.settings, self.now, self.worker.wake).step()
        self.worker.run_once()

    def deliver(self) -> None:
        """Work until nothing is open any more, jumping over the waits."""
        for _ in range(30):
            self.work()
            if not (left := self.open()):
                return
            self.ahead += max(timedelta(0), min(left) - self.now())
        raise AssertionError(f"still open: {left}")

    def open(self) -> list[datetime]:
        """When the deliveries that have not ended are due."""
        columns = select(deliveries.c.not_before).where(deliveries.c.finished_at.is_(None))
        with self.ledger.read() as connection:
            return list(connection.execute(columns).scalars())

    def states(self) -> set[str]:
        with self.ledger.read() as connection:
            return set(connection.execute(select(deliveries.c.state)).scalars())

    def close(self) -> None:
        self.rules.close()
        self.connector.close()
        self.ledger.close()

    @property
    def api(self) -> CrmApi:
        return self.crm.api


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    users = [COORDINATOR, {"id": "sms.manager", "name": "СМС-менеджер", "email": "sms@dealer.example"}]
    with embedded_crm(tmp_path, seed={**SEED, "users": users}) as running, mail_sink() as mail:
        one = Shop(running, mail, Ledger(f"sqlite:///{tmp_path}/ledger.db"), tmp_path)
        yield one
        one.close()


# --- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_first_write_leaves_one_comment_and_one_reminder(shop: Shop, fault: str) -> None:
    late = 0.3
    shop.api.faults(
        {"kind": fault, "next": 1, "collection": "comments", "seconds": late},
        {"kind": fault, "next": 1, "collection": "reminders", "seconds": late},
    )
    shop.call(CALLS)
    shop.worker.run_once()
    if fault == "commit_after_drop":
        # The clock of these tests jumps; the CRM's does not.
        wait_until(lambda: shop.api.comments(CARD) and shop.api.reminders())
    shop.deliver()
    assert shop.api.fault_counts() == [1, 1]
    assert shop.states() == {"done"}
    assert len(shop.api.comments(CARD)) == 1
    assert len(shop.api.reminders(card=CARD)) == 1


def test_a_crm_that_is_down_for_hours_gets_everything_once_when_it_is_back(shop: Shop) -> None:
    shop.call(ALL)
    shop.crm.stop()
    for _ in range(12):
        shop.worker.run_once()
        shop.ahead += timedelta(minutes=16)
    # The mails, too: the name and the link that they tell are the CRM's.
    assert shop.states() == {"waiting"}
    shop.crm.start()
    shop.deliver()
    assert shop.states() == {"done"}
    assert (len(shop.api.comments(CARD)), len(shop.api.reminders())) == (1, 2)
    assert len(shop.mail.messages) == 2


def test_a_mail_whose_answer_is_lost_comes_again_under_the_same_id(shop: Shop) -> None:
    shop.mail.data_replies.append("drop")
    shop.call(CALLS)
    shop.deliver()
    assert len(shop.mail.messages) == 2
    assert len({mail.message["Message-ID"] for mail in shop.mail.messages}) == 1


def test_a_mail_refused_for_good_is_parked_and_the_rest_is_done(shop: Shop) -> None:
    shop.mail.rcpt_replies.append("550 no such user")
    shop.call(CALLS)
    shop.deliver()
    assert shop.states() == {"done", "parked"}
    assert len(shop.api.reminders()) == 1


# --- what arrives ------------------------------------------------------------------------------------


def test_a_call_becomes_a_comment_reminders_and_mails(shop: Shop) -> None:
    shop.call(ALL)
    shop.deliver()
    [comment] = shop.api.comments(CARD)
    assert comment["text"].startswith(
        "Клиент просит исключить из звонков с опросом и рассылок по e-mail и(или) смс\n[ref:"
    )
    assert {one["assignee"] for one in shop.api.reminders()} == {"coordinator", "sms.manager"}
    assert {one["subject"] for one in shop.api.reminders()} == {"ИСКЛЮЧИТЬ"}
    assert {mail.message["Subject"] for mail in shop.mail.messages} == {"ИСКЛЮЧИТЬ"}
    assert {mail.recipients for mail in shop.mail.messages} == {
        ("coordinator@example.org",),
        ("sms.manager@example.org",),
    }
    assert all(mail.message["Message-ID"].endswith("@dealer.example>") for mail in shop.mail.messages)


def test_a_correction_takes_back_the_reminder_that_is_no_longer_wanted_and_tells_its_owner(shop: Shop) -> None:
    shop.call(ALL)
    shop.deliver()
    shop.call(CALLS, occurred_at=(shop.now() + timedelta(minutes=1)).isoformat())
    shop.deliver()
    assert shop.states() == {"done"}
    assert len(shop.api.comments(CARD)) == 2
    [taken_back] = [one for one in shop.api.reminders(assignee="sms.manager")]
    assert taken_back["state"] != "open"
    states = [one["state"] for one in shop.api.reminders(assignee="coordinator")]
    assert sorted(states) == ["open", "withdrawn"]
    told = [mail for mail in shop.mail.messages if mail.recipients == ("sms.manager@example.org",)]
    assert [mail.message["Subject"] for mail in told] == ["ИСКЛЮЧИТЬ", "ОТМЕНА: ИСКЛЮЧИТЬ"]


def test_a_correction_before_anything_went_out_leaves_only_the_new_decision(shop: Shop) -> None:
    shop.call(ALL)
    shop.call(CALLS, occurred_at=(shop.now() + timedelta(minutes=1)).isoformat())
    shop.deliver()
    assert len(shop.api.comments(CARD)) == 1
    assert [one["assignee"] for one in shop.api.reminders()] == ["coordinator"]
    assert len(shop.mail.messages) == 1


def test_a_call_that_never_ends_becomes_a_reminder_to_settle_it_by_hand(shop: Shop) -> None:
    shop.call({"related_to_car": True}, final=False)
    shop.work()
    assert shop.api.reminders() == []
    shop.ahead += timedelta(minutes=31)
    shop.deliver()
    [reminder] = shop.api.reminders()
    assert reminder["assignee"] == "coordinator"


def test_another_client_who_answered_gets_it_on_their_own_card(shop: Shop) -> None:
    other = {
        "related_to_car": False,
        "is_client": True,
        "client_name": "Петрова Алёна Игоревна",
        "survey_type": "calls",
    }
    shop.call(other, call={"id": "c-78", "phone": "+79161234568"})
    shop.deliver()
    assert shop.api.comments(CARD) == []
    assert len(shop.api.comments("43")) == 1


def test_a_client_that_cannot_be_found_is_written_to_the_calls_card_saying_so(shop: Shop) -> None:
    other = {"related_to_car": False, "is_client": True, "client_name": "Никто Никтович", "survey_type": "calls"}
    shop.call(other)
    shop.deliver()
    [comment] = shop.api.comments(CARD)
    assert "Ответил другой клиент: Никто Никтович" in comment["text"].split("\n")[-2]
    assert comment["text"].split("\n")[-1].startswith("[ref:")
