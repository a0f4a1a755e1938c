"""Small pure parts: the delivery key, times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.kit.phones import first_number
from plugin.common.clock import local_time, utc_now
from plugin.events.texts import delivery_key


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+79161234567", "+79161234567"),
        ("8 (916) 123-45-67", "+79161234567"),
        ("89161234567", "+79161234567"),
        ("9161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        ("375 29 123-45-67", "+375291234567"),
        ("916123456", None),
        ("tel:+7-916-123-45-67", "+79161234567"),
        ("+49 30 123456", "+4930123456"),
        ("112", None),
        ("23-45", None),
        ("123456789012345678901234", None),
        ("нет", None),
        ("+", None),
    ],
)
def test_a_phone_number_has_one_notation(given: str, kept: str | None) -> None:
    assert first_number(given) == kept


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Moscow", "23.11.2026 10:15 (МСК)"),
        ("Asia/Kolkata", "23.11.2026 12:45 (Asia/Kolkata, UTC+05:30)"),
        ("America/New_York", "23.11.2026 02:15 (America/New_York, UTC-05:00)"),
        ("UTC", "23.11.2026 07:15 (UTC, UTC+00:00)"),
    ],
)
def test_a_time_is_shown_in_its_named_zone(zone: str, shown: str) -> None:
    assert local_time(datetime(2026, 11, 23, 7, 15, 59, tzinfo=UTC), ZoneInfo(zone)) == shown


def test_the_clock_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_a_key_is_64_hex_digits_and_never_changes() -> None:
    key = delivery_key(("dealership", "c-77", 1), 1, "remind", "survey_coordinator")
    assert key == "56ed6393da40799ab41df79676f39c4cab8043a6ab74f9dc7f62e5acd7f29a58"


def test_everything_in_a_key_makes_a_difference() -> None:
    call = ("dealership", "c-77", 1)
    keys = {
        delivery_key(call, 1, "remind", "sms"),
        delivery_key(("elsewhere", "c-77", 1), 1, "remind", "sms"),
        delivery_key(("dealership", "c-7", 1), 1, "remind", "sms"),
        delivery_key(("dealership", "c-77", 2), 1, "remind", "sms"),
        delivery_key(call, 2, "remind", "sms"),
        delivery_key(call, 1, "comment", "sms"),
        delivery_key(call, 1, "remind", None),
        delivery_key(("dealership", "c-77", 1), 11, "remind", "sms"),
    }
    assert len(keys) == 8
