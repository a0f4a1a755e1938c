"""One delivery and the first time it goes out: what reaches the CRM, and how each answer is written down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.base import MISFIT, Assignee, CrmUnavailable, NotDone, ReminderState
from plugin.config.settings import DeliveryPolicy
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.model import Deputy
from plugin.delivery.texts import explain_mark
from tests.plugin.delivery.fake_crm import START, FakeCrm
from tests.plugin.delivery.harness import CARD, House

MOST_FAULTS = DeliveryPolicy().most_faults


def go(house: House, write: str = "ok") -> FakeCrm:
    crm = house.run_once(write)
    return crm


# --- what goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["comment", "reminder", "crm_email"])
def test_too_many_requests_waits_as_long_as_the_crm_asks(house: House, kind: str) -> None:
    delivery = house.one(kind)
    go(house, "busy")
    row = house.row(delivery)
    assert (row.state, row.sent_at, row.owner, row.lease_until) == ("waiting", None, None, None)
    assert house.until_due(delivery) == 40
    assert row.why == "too many requests"
    assert house.steps(delivery) == [("send", "not_done")]


def test_waits_grow_from_try_to_try(house: House) -> None:
    delivery = house.one("smtp_email")
    house.mailer.answers = ["greylisted"] * 5
    waits = []
    for _ in range(5):
        house.worker().run_once()
        waits.append(house.until_due(delivery))
        house.clock.advance(waits[-1])
    assert waits == [5, 10, 20, 40, 80]
    assert house.row(delivery).attempts == 5


def test_while_the_account_is_away_no_wait_is_longer_than_until_the_next_probe(house: House) -> None:
    delivery = house.one()
    waits = []
    for _ in range(6):
        go(house, "error")
        waits.append(house.until_due(delivery))
        house.clock.advance(waits[-1])
    assert waits[:4] == [5, 10, 20, 30]
    assert max(waits) <= house.policy.probe_seconds


def test_a_try_before_its_time_does_nothing(house: House) -> None:
    delivery = house.one()
    go(house, "busy")
    house.clock.advance(39)
    assert house.worker().run_once() == 0
    house.clock.advance(1)
    assert house.worker().run_once() == 1
    assert house.row(delivery).state == "done"


def test_a_refusal_for_good_parks_at_once_and_is_told(house: House) -> None:
    delivery = house.one("reminder")
    with capture_logs() as logs:
        go(house, "refused")
    row = house.row(delivery)
    assert (row.state, row.why, row.sent_at, row.finished_at) == ("parked", "no such user", None, START)
    [entry] = [entry for entry in logs if entry["log_level"] == "error"]
    assert entry["event"] == "delivery.parked"
    assert (entry["delivery"], entry["why"]) == (delivery, "no such user")
    assert entry["call"].startswith("c-")


@pytest.mark.parametrize("write", ["lost", "dropped"])
def test_a_lost_answer_is_unknown_until_the_settling_time_is_over(house: House, write: str) -> None:
    delivery = house.one()
    go(house, write)
    row = house.row(delivery)
    assert (row.state, row.sent_at, row.finished_at) == ("unknown", house.clock(), None)
    assert house.until_due(delivery) == 30


def test_the_status_and_code_of_a_refusal_are_in_the_log_of_attempts(house: House) -> None:
    from sqlalchemy import select

    from plugin.ledger.schema import attempts

    delivery = house.one("reminder")
    go(house, "refused")
    with house.ledger.read() as connection:
        step = connection.execute(select(attempts).where(attempts.c.delivery_ref == delivery)).one()
    assert (step.step, step.outcome, step.status, step.code) == ("send", "not_done", 400, "BAD_USER")
    assert (step.at, step.why) == (START, "no such user")
    assert step.seconds >= 0


def test_a_fault_in_the_connector_counts_as_unknown_and_is_reconciled_by_a_look_up(house: House) -> None:
    delivery = house.one()
    with capture_logs() as logs:
        go(house, "bug after")
    assert house.row(delivery).state == "unknown"
    assert any(entry["event"] == "delivery.fault" and entry["exc_info"] for entry in logs)
    house.clock.advance(30)
    go(house)
    assert house.row(delivery).state == "done"
    assert house.written(delivery) == 1


def test_a_delivery_that_always_meets_a_fault_is_parked_and_holds_up_no_other(house: House) -> None:
    poison, other = house.one(), house.one("reminder")
    crm = FakeCrm(house.crm)
    crm.writes.extend(["bug", "ok", *["bug"] * 20])
    worker = house.worker(crm)
    for _ in range(MOST_FAULTS):
        worker.run_once()
        house.clock.advance(1000)
    row = house.row(poison)
    assert (row.state, row.why) == ("parked", f"given up after {MOST_FAULTS} faults: fault in the code: ValueError")
    assert house.row(other).state == "done"


def test_a_fault_before_sending_waits_and_is_parked_in_the_end(house: House) -> None:
    delivery = house.delivery(house.decision(card=None))
    crm = FakeCrm(house.crm)
    crm.reads.extend(["bug"] * MOST_FAULTS)
    worker = house.worker(crm)
    worker.run_once()
    assert (house.row(delivery).state, house.until_due(delivery)) == ("waiting", 5)
    for _ in range(MOST_FAULTS - 1):
        house.clock.advance(1000)
        worker.run_once()
    assert (house.row(delivery).state, house.row(delivery).sent_at) == ("parked", None)


@pytest.mark.parametrize(
    ("kind", "role", "why"),
    [
        ("reminder", None, "roles.toml has no role 'coordinator'"),
        ("reminder", {"crm_user": None}, "role 'coordinator' has no crm_user in roles.toml"),
        ("smtp_email", {"address": None}, "role 'coordinator' has no address in roles.toml"),
        (
            "crm_email",
            {"address": None, "crm_user": None},
            "role 'coordinator' has neither crm_user nor address in roles.toml",
        ),
    ],
)
def test_without_an_assignee_it_waits_until_one_is_configured_and_says_what_is_missing(
    house: House, kind: str, role: dict[str, None] | None, why: str
) -> None:
    house.roles.clear()
    if role is not None:
        user, address = role.get("crm_user", "u7"), role.get("address", "a@example.org")
        house.roles["coordinator"] = Role("coordinator", "", user, address, "smtp")
    delivery = house.one(kind)
    crm = go(house)
    row = house.row(delivery)
    assert (row.state, row.why, row.mend) == ("waiting", why, why)
    assert crm.log == []
    assert house.mailer.mails == []
    house.roles["coordinator"] = Role("coordinator", "", "u7", "a@example.org", "smtp")
    house.clock.advance(1000)
    go(house)
    assert (house.row(delivery).state, house.row(delivery).mend) == ("done", None)


@pytest.mark.parametrize("step", ["read", "find", "write"])
def test_what_a_descriptions_fault_holds_up_says_what_is_to_be_mended_and_what_an_outage_does_not(
    house: House, step: str
) -> None:
    delivery = house.one()
    if step == "read":
        house.change(delivery, text="‹имя в карточке›")
    if step == "find":
        house.change(delivery, state="unknown", sent_at=house.clock() - timedelta(hours=1))
    faults = {"misfit": MISFIT, "down": None}
    for how, code in faults.items():
        crm = FakeCrm(house.crm)

        def fail(*_: object, code: str | None = code, **__: object) -> Any:
            if step == "write":
                return NotDone("the template cannot be filled", after=300, code=code)
            raise CrmUnavailable("the template cannot be filled", after=300, code=code)

        name = {"read": "read_card", "find": "find", "write": "add_comment"}[step]
        setattr(crm, name, fail)
        house.clock.advance(2000)
        house.worker(crm).run_once()
        row = house.row(delivery)
        assert (row.state, row.mend) == (
            "unknown" if step == "find" else "waiting",
            row.why if how == "misfit" else None,
        )


def test_mail_without_a_mail_server_waits_for_one(house: House) -> None:
    house.smtp = None
    delivery = house.one("smtp_email")
    go(house)
    assert (house.row(delivery).state, house.row(delivery).why) == (
        "waiting",
        "plugin.toml has no [smtp] to send mail by",
    )


def test_a_kind_of_a_newer_version_is_parked(house: House) -> None:
    delivery = house.one("telegram")
    go(house)
    assert house.row(delivery).state == "parked"


def test_a_failing_delivery_holds_up_no_other(house: House) -> None:
    decision = house.decision()
    comment, reminder, mail = (house.delivery(decision, kind) for kind in ("comment", "reminder", "smtp_email"))
    go(house, "busy")
    assert [house.row(one).state for one in (comment, reminder, mail)] == ["waiting", "done", "done"]


# --- what goes right ---------------------------------------------------------------------------------


def test_a_comment_is_written_into_the_calls_card(house: House) -> None:
    delivery = house.one()
    go(house)
    row = house.row(delivery)
    [record] = house.crm.records
    assert (record.kind, record.card, record.text, record.key) == ("comment", CARD, row.text, row.key)
    assert (row.state, row.remote_id, row.attempts, row.finished_at) == ("done", record.remote_id, 1, START)
    assert (row.sent_at, row.owner, row.lease_until, row.why) == (START, None, None, None)
    assert house.steps(delivery) == [("send", "done")]


def test_a_reminder_goes_to_the_deputy_on_the_days_on_which_the_person_is_away(house: House) -> None:
    delivery = house.one("reminder")
    deputy = Deputy("Координатор: Орлова", "u98", "deputy@example.org")
    away = ((START.date(), START.date()),)
    house.roles["coordinator"] = Role("coordinator", "", "u99", "a@example.org", "smtp", away=away, deputy=deputy)
    go(house)
    [record] = house.crm.records
    assert record.assignee == Assignee("u98", "deputy@example.org")
    assert house.row(delivery).state == "done"


def test_a_reminder_goes_to_the_user_who_fills_the_role_now(house: House) -> None:
    delivery = house.one("reminder")
    house.roles["coordinator"] = Role("coordinator", "", "u99", "new@example.org", "smtp")
    go(house)
    [record] = house.crm.records
    assert (record.kind, record.card, record.subject) == ("reminder", CARD, "ИСКЛЮЧИТЬ")
    assert (record.assignee, record.due) == (Assignee("u99", "new@example.org"), START + timedelta(hours=24))
    assert record.state is ReminderState.OPEN
    assert house.row(delivery).assignee == {"user": "u99", "address": "new@example.org"}


def test_a_mail_carries_an_id_made_of_its_key_and_the_senders_domain(house: House) -> None:
    delivery = house.one("smtp_email")
    go(house)
    row = house.row(delivery)
    message_id = f"<{row.key[:32]}@dealer.example.org>"
    assert house.mailer.mails == [("coordinator@example.org", "ИСКЛЮЧИТЬ", explain_mark(row.text), message_id)]
    assert (row.state, row.remote_id) == ("done", message_id)


def test_the_crm_mails_a_role_that_wants_it(house: House) -> None:
    delivery = house.one("crm_email", role="sms_manager")
    go(house)
    [record] = house.crm.records
    assert (record.kind, record.assignee) == ("email", Assignee("u8", "sms@example.org"))
    assert house.row(delivery).state == "done"


def test_an_idle_loop_opens_no_write_transaction(house: House) -> None:
    house.ledger.broken = True
    assert house.worker().run_once() == 0
