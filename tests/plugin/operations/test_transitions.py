"""What a retry or a cancellation does to a delivery in each state: never more than the ledger knows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugin.operations.transitions import Refusal, Transition, TransitionKind, cancellation_of, retry_of

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)


def row(state: str, *, sent: bool = False, **more: Any) -> dict[str, Any]:
    columns = {"kind": "comment", "attempts": 0, "cancel": False, "not_before": BEFORE, "withdraws": None}
    return columns | {"state": state, "sent_at": BEFORE if sent else None} | more


def done(step: Transition | Refusal) -> tuple[TransitionKind, str | None]:
    assert isinstance(step, Transition), step
    return step.kind, step.values.get("state")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row("done", sent=True), Refusal.DONE),
        (row("cancelled"), Refusal.CANCELLED),
        (row("leased", not_before=LATER), Refusal.ON_ITS_WAY),
        (row("pending"), Refusal.QUEUED),
        (row("waiting"), Refusal.QUEUED),
        (row("unknown", sent=True), Refusal.QUEUED),
    ],
)
def test_what_is_ended_or_on_its_way_or_due_anyway_is_not_retried(given: dict[str, Any], why: Refusal) -> None:
    assert retry_of(given, NOW) is why


@pytest.mark.parametrize(
    ("given", "kind", "state"),
    [
        (row("parked", sent=True), TransitionKind.LOOKS_UP, "unknown"),
        (row("parked", sent=True, cancel=True), TransitionKind.LOOKS_UP, "unknown"),
        (row("parked", sent=True, kind="smtp_email"), TransitionKind.MAILS_AGAIN, "unknown"),
        (row("parked", attempts=3), TransitionKind.SENDS, "waiting"),
        (row("parked"), TransitionKind.SENDS, "pending"),
        (row("waiting", not_before=LATER), TransitionKind.HURRIES, None),
        (row("unknown", sent=True, not_before=LATER), TransitionKind.HURRIES, None),
    ],
)
def test_a_retry_looks_first_for_what_may_have_arrived(
    given: dict[str, Any], kind: TransitionKind, state: str | None
) -> None:
    step = retry_of(given, NOW)
    assert done(step) == (kind, state)
    assert isinstance(step, Transition)
    assert step.values["not_before"] == NOW
    assert "cancel" not in step.values


@pytest.mark.parametrize("state", ["pending", "waiting", "parked", "leased"])
def test_after_a_restore_what_seems_never_sent_is_looked_for(state: str) -> None:
    step = retry_of(row(state), NOW, look_first=True)
    assert done(step) == (TransitionKind.LOOKS_UP, "unknown")
    assert isinstance(step, Transition)
    assert step.values["sent_at"] == NOW


def test_after_a_restore_what_somebody_holds_now_is_left_to_them() -> None:
    assert retry_of(row("leased", not_before=LATER), NOW, look_first=True) is Refusal.ON_ITS_WAY


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row("done", sent=True), Refusal.DONE),
        (row("cancelled"), Refusal.CANCELLED),
        (row("unknown", sent=True, cancel=True), Refusal.STOPPING),
    ],
)
def test_what_is_ended_or_stopping_is_not_cancelled(given: dict[str, Any], why: Refusal) -> None:
    assert cancellation_of(given, NOW) is why


@pytest.mark.parametrize("state", ["pending", "waiting", "parked"])
def test_what_surely_never_went_out_is_cancelled_at_once(state: str) -> None:
    assert done(cancellation_of(row(state), NOW)) == (TransitionKind.CANCELS, "cancelled")


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
    assert done(step) == (TransitionKind.STOPS, state)
    assert isinstance(step, Transition)
    assert step.values["cancel"] is True
