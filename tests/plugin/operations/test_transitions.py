"""What a retry or a cancellation does to a delivery in each state: never more than the ledger knows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugin.operations.transitions import Does, Refuses, Step, cancellation_of, retry_of

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)


def row(state: str, *, sent: bool = False, **more: Any) -> dict[str, Any]:
    columns = {"kind": "comment", "attempts": 0, "cancel": False, "not_before": BEFORE, "withdraws": None}
    return columns | {"state": state, "sent_at": BEFORE if sent else None} | more


def done(step: Step | Refuses) -> tuple[Does, str | None]:
    assert isinstance(step, Step), step
    return step.does, step.values.get("state")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row("done", sent=True), Refuses.DONE),
        (row("cancelled"), Refuses.CANCELLED),
        (row("leased", not_before=LATER), Refuses.ON_ITS_WAY),
        (row("pending"), Refuses.QUEUED),
        (row("waiting"), Refuses.QUEUED),
        (row("unknown", sent=True), Refuses.QUEUED),
    ],
)
def test_what_is_ended_or_on_its_way_or_due_anyway_is_not_retried(given: dict[str, Any], why: Refuses) -> None:
    assert retry_of(given, NOW) is why


@pytest.mark.parametrize(
    ("given", "does", "state"),
    [
        (row("parked", sent=True), Does.LOOKS_UP, "unknown"),
        (row("parked", sent=True, cancel=True), Does.LOOKS_UP, "unknown"),
        (row("parked", sent=True, kind="smtp_email"), Does.MAILS_AGAIN, "unknown"),
        (row("parked", attempts=3), Does.SENDS, "waiting"),
        (row("parked"), Does.SENDS, "pending"),
        (row("waiting", not_before=LATER), Does.HURRIES, None),
        (row("unknown", sent=True, not_before=LATER), Does.HURRIES, None),
    ],
)
def test_a_retry_looks_first_for_what_may_have_arrived(given: dict[str, Any], does: Does, state: str | None) -> None:
    step = retry_of(given, NOW)
    assert done(step) == (does, state)
    assert isinstance(step, Step)
    assert step.values["not_before"] == NOW
    assert "cancel" not in step.values


@pytest.mark.parametrize("state", ["pending", "waiting", "parked", "leased"])
def test_after_a_restore_what_seems_never_sent_is_looked_for(state: str) -> None:
    step = retry_of(row(state), NOW, look_first=True)
    assert done(step) == (Does.LOOKS_UP, "unknown")
    assert isinstance(step, Step)
    assert step.values["sent_at"] == NOW


def test_after_a_restore_what_somebody_holds_now_is_left_to_them() -> None:
    assert retry_of(row("leased", not_before=LATER), NOW, look_first=True) is Refuses.ON_ITS_WAY


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row("done", sent=True), Refuses.DONE),
        (row("cancelled"), Refuses.CANCELLED),
        (row("unknown", sent=True, cancel=True), Refuses.STOPPING),
    ],
)
def test_what_is_ended_or_stopping_is_not_cancelled(given: dict[str, Any], why: Refuses) -> None:
    assert cancellation_of(given, NOW) is why


@pytest.mark.parametrize("state", ["pending", "waiting", "parked"])
def test_what_surely_never_went_out_is_cancelled_at_once(state: str) -> None:
    assert done(cancellation_of(row(state), NOW)) == (Does.CANCELS, "cancelled")


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (row("leased", not_before=LATER), None),
        (row("leased", sent=True, not_before=LATER), None),
        (row("unknown", sent=True), "unknown"),
        (row("parked", sent=True), "unknown"),
        (row("waiting", sent=True, kind="smtp_email"), "unknown"),
    ],
)
def test_what_may_have_gone_out_is_stopped_and_settled_by_a_look_up(given: dict[str, Any], state: str | None) -> None:
    step = cancellation_of(given, NOW)
    assert done(step) == (Does.STOPS, state)
    assert isinstance(step, Step)
    assert step.values["cancel"] is True
