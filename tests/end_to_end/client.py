"""A client of the dealership: a card in the CRM, calls about it, and what the CRM and the mail server hold of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.crm import Reply, RunningCrm
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin
from tests.support.processes import wait_until

CALLS = {"related_to_car": True, "survey_type": "calls"}
ALL = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}

_numbers = itertools.count(1)


@dataclass
class Client:
    """One client with a card and a phone of their own."""

    crm: RunningCrm
    mail: MailSink
    plugin: RunningPlugin
    number: int = field(default_factory=lambda: next(_numbers))

    def __post_init__(self) -> None:
        self.phone = f"+7916{self.number:07}"
        self.name = "Клиент " + "".join(chr(ord("А") + int(digit)) for digit in str(self.number))
        self.card = str(self.crm.api.send("POST", "cards", {"name": self.name, "phones": [self.phone]})["id"])
        self.call = f"call-{self.number}"
        self.reports = 0

    def event(self, facts: Mapping[str, Any], *, minutes: float = 0, **changes: Any) -> dict[str, Any]:
        """A report of the client's call, ended ``minutes`` after an hour ago."""
        self.reports += 1
        ended = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=minutes)
        return {
            "id": f"{self.call}-{self.reports}",
            "occurred_at": ended.isoformat(),
            "call": {"id": self.call, "phone": self.phone, "operator": "operator-1"},
            "card": {"type": "contact", "id": self.card, "name": self.name},
            "facts": dict(facts),
        } | changes

    def report(self, facts: Mapping[str, Any], *, minutes: float = 0, **changes: Any) -> Reply:
        """Report the call and expect 202."""
        reply = self.plugin.send(self.event(facts, minutes=minutes, **changes))
        assert reply.status == 202, reply.text
        return reply

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until nothing of the call is on its way any more."""
        wait_until(lambda: self.plugin.is_settled(self.call), seconds)

    @property
    def comments(self) -> list[str]:
        """First lines of the card's comments, oldest first."""
        return [comment["text"].split("\n")[0] for comment in self.crm.api.comments(self.card)]

    @property
    def reminders(self) -> Counter[tuple[str, str, str]]:
        """(assignee, subject, state) of the card's reminders."""
        return Counter((r["assignee"], r["subject"], r["state"]) for r in self.crm.api.reminders(card=self.card))

    @property
    def mails(self) -> Counter[tuple[str, str]]:
        """(recipient, subject) of the client's mails, told apart by Message-ID."""
        about = {str(m.message["Message-ID"]): m for m in list(self.mail.messages) if self.phone in m.text}
        return Counter((m.recipients[0], str(m.message["Subject"])) for m in about.values())
