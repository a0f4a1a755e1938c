"""Points that the doctors of several CRMs share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import ConnectorError, CrmRefused, CrmUnavailable
from connectors.kit.checks import clocks_agree, date_header, stays_private, unmapped
from connectors.kit.mapping import FactField
from connectors.protocol.check import point, read_failed, untried

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
SURVEY = FactField("survey", "UF_1", {"45": "calls", "Онлайн": "online"}, frozenset({"44"}))


def test_a_point_that_holds_needs_no_remedy() -> None:
    assert point("it answers", True, "Start it").remedy == ""
    assert point("it answers", False, "Start it").remedy == "Start it"


@pytest.mark.parametrize(
    ("error", "ok", "remedy"),
    [
        (CrmRefused("no", status=403), False, "Give the right"),
        (CrmUnavailable("no", status=401), False, "Give the right"),
        (CrmUnavailable("shut", status=503, blocked=True), False, "Give the right"),
        (CrmUnavailable("busy", status=429), None, "Try again in a minute, the CRM answers and throttles: busy"),
        (
            CrmUnavailable("busy", status=503, after=2.0),
            None,
            "Try again in a minute, the CRM answers and throttles: busy",
        ),
        (CrmUnavailable("gone"), None, "Try again later: gone"),
        (CrmUnavailable("broken", status=500), None, "Try again later: broken"),
    ],
)
def test_a_read_that_failed_is_a_refusal_or_says_nothing_of_the_point(
    error: ConnectorError, ok: bool | None, remedy: str
) -> None:
    found = read_failed("it may", error, "Give the right")
    assert (found.ok, found.remedy) == (ok, remedy)


def test_a_point_that_waits_for_another_is_not_tried() -> None:
    assert untried("it may", "no ledger yet").ok is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(61, "61 s ahead"), (-61, "61 s behind"), (86_400, "86400 s ahead"), (60.6, "61 s ahead")]
)
def test_clocks_that_are_apart_are_told_with_the_way_they_are_off(seconds: float, said: str) -> None:
    found = clocks_agree(NOW - timedelta(seconds=seconds), NOW)
    assert not found.ok
    assert f"this machine's is {said}" in found.remedy


@pytest.mark.parametrize("seconds", [0, 59, -59])
def test_clocks_that_are_close_agree(seconds: int) -> None:
    assert clocks_agree(NOW - timedelta(seconds=seconds), NOW).ok


@pytest.mark.parametrize("headers", [{}, {"Date": ""}, {"Date": "yesterday"}, {"Date": "2026-11-22"}])
def test_without_a_date_nobody_knows(headers: dict[str, str]) -> None:
    found = clocks_agree(date_header(headers), NOW)
    assert not found.ok
    assert "Date header" in found.remedy


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_an_answers_date_is_read(zone: str) -> None:
    assert date_header({"Date": f"Sun, 22 Nov 2026 10:15:00 {zone}"}) == NOW


@pytest.mark.parametrize("addresses", [["http://crm.example.org"], ["https://crm.example.org", "http://o.example.org"]])
def test_an_address_that_others_can_listen_to_is_not_private(addresses: list[str]) -> None:
    assert not stays_private(*addresses).ok


@pytest.mark.parametrize("address", ["https://crm.example.org", "http://127.0.0.1:8000", "http://localhost"])
def test_encrypted_or_on_this_machine_is_private(address: str) -> None:
    assert stays_private(address).ok


def test_entries_that_mean_nothing_yet_are_told() -> None:
    entries = [("none", ("44",)), ("calls", ("45",)), ("online", ("46", "Онлайн")), ("all", ("47", "Все"))]
    assert unmapped(SURVEY, entries) == ["all"]


def test_where_any_text_stands_for_itself_none_is_missing() -> None:
    assert unmapped(FactField("name", "UF_2", None, frozenset()), [("all", ("47",))]) == []
