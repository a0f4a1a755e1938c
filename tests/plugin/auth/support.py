"""What the tests of access share: a clock that is moved by hand, passwords that cost little, and some calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher

from connectors.base import CardRef
from plugin.auth.passwords import Passwords
from plugin.auth.visitor import LinkedCall

START = datetime(2026, 11, 23, 7, 15, tzinfo=UTC)
KEY = "a signing key of the tests, long enough"
OLD_KEY = "the signing key before that, long enough"
PASSWORD = "верная лошадь батарея"

FULL = LinkedCall(
    "c-77/8", "+79161234567", CardRef("contact", "42"), "Иванов Иван", "https://crm.example.org/?id=42&a=b", "opt_out"
)


@dataclass
class HandClock:
    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def cheap_passwords(time_cost: int = 1) -> Passwords:
    return Passwords(PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1))
