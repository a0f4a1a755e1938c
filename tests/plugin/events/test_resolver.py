"""Kept events are resolved, again and again, by any number of processes, until each of them is finished or parked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotMapped, Reference
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import DeliveryPolicy
from plugin.events.inbox import RESULT, Inbox, reference_of
from plugin.events.intake import Intake
from plugin.events.resolver import Resolver, lease_of
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import activations, breakers, calls
from plugin.resilience.gates import AccountGates
from tests.plugin.events.support import SETTINGS, Clock, call_result, rulebook
from tests.plugin.web.harness import Crm

POLICY = DeliveryPolicy(threads=2, jitter=0.0, first_wait_seconds=5.0, longest_wait_seconds=900.0, most_faults=3)
LEASE = 3 * (10 + 5 + 20) + 30
CALL = Reference("call", "77")


class ScriptedCrm(Crm):
    """A CRM whose calls are in ``answers``: a result, None, or an error to raise."""

    def __init__(self) -> None:
        super().__init__({})
        self.answers: dict[str, Any] = {}
        self.asked: list[Reference] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def resolve(self, reference: Reference) -> Mapping[str, Any] | None:
        self.asked.append(reference)
        self.meanwhile()
        answer = self.answers[reference.id]
        if isinstance(answer, BaseException):
            raise answer
        return None if answer is None else dict(answer)


@dataclass
class InboxOffice:
    """One ledger with a clock of its own, and as many processes on it as a test wants."""

    ledger: Ledger
    clock: Clock
    rules: ActiveRules
    crm: ScriptedCrm = field(default_factory=ScriptedCrm)
    processes: int = 0

    def __post_init__(self) -> None:
        self.web = Inbox(self.ledger, "testcrm", self.clock, "web", 0.0)
        self.resolver = self.process()

    def process(self) -> Resolver:
        self.processes += 1
        intake = Intake(self.ledger, self.rules, SETTINGS, self.clock)
        gates = AccountGates(self.ledger, self.crm, POLICY, self.clock)
        owner = f"host:{self.processes}"
        return Resolver(self.ledger, self.crm, intake, gates, POLICY, self.clock, owner, Random(1))

    def keep(self, reference: Reference = CALL, wait: float = 0.0) -> int:
        return self.web.keep([(reference, wait)])

    def answers_with(self, answer: Any, call: str = "77") -> None:
        self.crm.answers[call] = answer

    def rows(self) -> list[Any]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(kept_references).order_by(kept_references.c.id)))

    def row(self) -> Any:
        (only,) = self.rows()
        return only

    def state(self) -> str:
        return str(self.row().state)

    def wait(self) -> float:
        """Seconds until the only event is due."""
        return float((self.row().not_before - self.clock()).total_seconds())

    def call_ids(self) -> list[str]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(calls.c.call_id).order_by(calls.c.id)).scalars())


@pytest.fixture
def office(ledger_url: str) -> Iterator[InboxOffice]:
    clock = Clock()
    ledger = Ledger(ledger_url, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(rulebook(), "test", "test")
    yield InboxOffice(ledger, clock, rules)
    ledger.close()


# --- what waits ------------------------------------------------------------------------------------


def test_an_event_that_the_crm_cannot_show_waits_longer_after_each_attempt(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("no answer in time", status=500))
    office.keep()
    waits = []
    for _ in range(3):
        assert office.resolver.run_once() == 1
        waits.append(office.wait())
        office.clock.pass_(seconds=office.wait())
    assert waits == [5.0, 10.0, 20.0]
    assert (office.state(), office.row().why) == ("waiting", "no answer in time")


def test_the_wait_that_the_crm_asks_for_is_kept(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("too many requests", after=120.0, status=429))
    office.keep()
    office.resolver.run_once()
    assert office.wait() == pytest.approx(120.0)
    assert office.resolver.run_once() == 0


def test_failures_open_the_accounts_breaker_and_no_request_is_made_while_it_is_open(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("refused"))
    office.keep()
    for _ in range(POLICY.breaker_failures):
        office.resolver.run_once()
        office.clock.pass_(seconds=office.wait())
    asked = len(office.crm.asked)
    assert office.process().run_once() == 0
    assert len(office.crm.asked) == asked == POLICY.breaker_failures
    with office.ledger.write() as connection:
        # The delivery loop's probe has found the account to be back.
        connection.execute(update(breakers).values(opened_at=None, failures=0))
    office.answers_with(call_result(id="evt-1"))
    assert office.resolver.run_once() == 1
    assert office.state() == "done"


def test_new_events_are_not_resolved_while_the_breaker_is_open(office: InboxOffice) -> None:
    with office.ledger.write() as connection:
        away = {"account": "testcrm", "failures": 5, "suspects": [], "opened_at": office.clock(), "why": "refused"}
        connection.execute(insert(breakers), away)
    office.keep()
    assert office.resolver.run_once() == 0
    assert office.state() == "waiting"


def test_an_answer_resets_the_count_of_failures(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("refused"))
    office.keep()
    office.resolver.run_once()
    office.clock.pass_(seconds=office.wait())
    office.answers_with(None)
    office.resolver.run_once()
    with office.ledger.read() as connection:
        assert connection.execute(select(breakers.c.failures)).scalars().all() == [0]


def test_an_event_with_an_unmapped_value_waits_and_names_the_value(office: InboxOffice) -> None:
    office.answers_with(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45", fact="refuses"))
    office.keep()
    office.resolver.run_once()
    row = office.row()
    assert (row.state, row.cause) == ("waiting", "UF_1=45")
    assert row.about == {"field": "UF_1", "value": "45", "fact": "refuses", "why": "field 'UF_1' holds '45'"}
    # The CRM goes away meanwhile: what it waits for is still known.
    office.answers_with(CrmUnavailable("no answer", status=500))
    office.clock.pass_(seconds=office.wait())
    office.resolver.run_once()
    assert office.row().cause == "UF_1=45"


def test_an_event_is_resolved_by_itself_once_the_value_is_mapped(office: InboxOffice) -> None:
    office.answers_with(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45", fact="refuses"))
    office.keep()
    for _ in range(9):
        office.resolver.run_once()
        office.clock.pass_(seconds=office.wait())
    office.resolver.run_once()
    assert office.wait() == 900.0
    office.answers_with(call_result(id="evt-1"))
    # The process was started again with the new plugin.toml: it does not wait for the rest of the wait.
    stop = Stopping(lambda: office.state() == "done")
    office.process().run(stop)  # type: ignore[arg-type]
    assert (office.state(), office.row().cause, office.call_ids()) == ("done", None, ["c-77"])


class Stopping:
    """Set as soon as ``condition`` holds; waits for nothing."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition
        self._turns = 0

    def is_set(self) -> bool:
        self._turns += 1
        assert self._turns < 50, "nothing came of it"
        return self._condition()

    def wait(self, _seconds: float) -> bool:
        return self.is_set()


def test_an_event_that_the_rules_cannot_decide_waits(office: InboxOffice) -> None:
    with office.ledger.write() as connection:
        connection.execute(activations.delete())
    office.answers_with(call_result(id="evt-1"))
    office.keep()
    unruly = ActiveRules(office.ledger, office.clock)
    intake = Intake(office.ledger, unruly, SETTINGS, office.clock)
    gates = AccountGates(office.ledger, office.crm, POLICY, office.clock)
    Resolver(office.ledger, office.crm, intake, gates, POLICY, office.clock, "host:9", Random(1)).run_once()
    assert office.state() == "waiting"
    assert office.row().why.startswith("undecided")
    assert office.wait() >= 60
    office.clock.pass_(seconds=office.wait())
    office.resolver.run_once()
    assert office.state() == "done"


# --- what is left to a human -----------------------------------------------------------------------


def test_an_event_that_the_crm_refuses_for_good_is_parked(office: InboxOffice) -> None:
    office.answers_with(CrmRefused("no right to read deals", status=403))
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.row().why) == ("parked", "the CRM does not show it: no right to read deals")
    office.clock.pass_(days=2)
    assert office.resolver.run_once() == 0


def test_an_unusable_call_result_is_parked_with_its_fields_and_without_their_values(
    office: InboxOffice,
) -> None:
    office.answers_with(call_result({"related_to_car": "Иванов Иван"}, id="evt-1"))
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.row().why) == ("parked", "bad_fields: facts.related_to_car")


def test_an_event_whose_id_was_used_for_another_is_parked(office: InboxOffice) -> None:
    office.answers_with(call_result(id="evt-1"))
    office.keep()
    office.resolver.run_once()
    office.answers_with(call_result(id="evt-1", note="ещё что-то"), "78")
    office.keep(Reference("call", "78"))
    office.resolver.run_once()
    assert office.rows()[1].why.startswith("event_id_reused")


def test_a_fault_of_the_connector_is_retried_a_few_times_and_its_message_is_not_kept(
    office: InboxOffice,
) -> None:
    office.answers_with(RuntimeError("password=hunter2"))
    office.keep()
    states = []
    for _ in range(POLICY.most_faults):
        office.resolver.run_once()
        states.append(office.state())
        office.clock.pass_(hours=1)
    assert states == ["waiting", "waiting", "parked"]
    assert office.row().why == "a fault of the connector: RuntimeError"


def test_a_parked_event_is_tried_anew_when_it_is_reported_again(office: InboxOffice) -> None:
    office.answers_with(CrmRefused("no right", status=403))
    office.keep()
    office.resolver.run_once()
    office.answers_with(call_result(id="evt-1"))
    assert office.keep() == 0
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


@pytest.mark.parametrize("mended", [call_result(id="evt-1"), None])
def test_a_parked_event_is_over_once_its_record_was_mended_and_reported_otherwise(
    office: InboxOffice, mended: dict[str, Any] | None
) -> None:
    office.answers_with(CrmRefused("no right", status=403))
    office.answers_with(CrmRefused("no right", status=403), "78")
    office.keep()
    office.keep(Reference("call", "78"))
    office.resolver.run_once()
    office.answers_with(mended)
    # Another event of the same record, by what it brought along.
    assert office.keep(Reference("call", "77", {"cleared": ["x"]})) == 1
    office.resolver.run_once()
    first, other, last = office.rows()
    assert (first.state, first.record, first.why, first.finished_at) == ("done", "", None, office.clock())
    assert (other.state, last.state) == ("parked", "done" if mended else "ignored")


def test_a_parked_call_result_is_over_once_a_usable_one_of_its_call_came(office: InboxOffice) -> None:
    office.keep(reference_of(call_result({"related_to_car": "Иванов Иван"}, id="evt-1")))
    office.keep(reference_of(call_result({"related_to_car": "Иванов Иван"}, id="evt-2", call={"id": "c-78"})))
    office.resolver.run_once()
    assert [row.state for row in office.rows()] == ["parked", "parked"]
    office.keep(reference_of(call_result(id="evt-3")))
    office.resolver.run_once()
    assert [row.state for row in office.rows()] == ["done", "parked", "done"]


# --- an account that is shut -----------------------------------------------------------------------


def shut(office: InboxOffice, why: str | None) -> None:
    """The CRM has shut the account, as another process found out; None: it is back."""
    row = {"account": "testcrm", "failures": 1, "suspects": [], "blocked": why is not None, "why": why}
    row |= {"opened_at": why and office.clock(), "probed_at": why and office.clock(), "probe_wait": 3600.0}
    with office.ledger.write() as connection:
        connection.execute(breakers.delete())
        connection.execute(insert(breakers), row)


def test_an_event_that_met_a_shut_account_tells_that_and_goes_on_as_soon_as_it_is_back(office: InboxOffice) -> None:
    def closing() -> None:
        office.crm.meanwhile = lambda: None
        shut(office, "the CRM has shut its API to this account")

    office.crm.meanwhile = closing
    office.answers_with(CrmUnavailable("the account's own rate limit; the next turn is 70 s away", after=70.0))
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.row().why) == ("waiting", "the CRM has shut its API to this account")
    office.clock.pass_(seconds=1)
    assert office.resolver.run_once() == 0
    shut(office, None)
    office.answers_with(call_result(id="evt-1"))
    assert office.resolver.run_once() == 1
    assert office.state() == "done"


def test_an_event_that_waits_for_a_mapping_is_not_tried_because_the_account_is_back(office: InboxOffice) -> None:
    office.answers_with(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45"))
    office.keep()
    office.resolver.run_once()
    shut(office, "shut")
    office.resolver.run_once()
    shut(office, None)
    assert office.resolver.run_once() == 0


def test_what_was_claimed_before_the_account_was_shut_is_not_asked_for(office: InboxOffice) -> None:
    office.keep()
    claim = office.resolver._inbox.claim

    def claimed(limit: int) -> Any:
        found = claim(limit)
        shut(office, "shut")
        office.resolver._gates.refresh()
        return found

    office.resolver._inbox.claim = claimed  # type: ignore[method-assign]
    office.resolver.run_once()
    assert office.crm.asked == []
    assert (office.state(), office.row().why) == ("waiting", "shut")


def test_the_quotas_own_wait_is_told_as_such_while_the_account_is_open(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("the account's own rate limit; the next turn is 12 s away", after=12.0))
    office.keep()
    office.resolver.run_once()
    assert "own rate limit" in office.row().why


# --- several processes -----------------------------------------------------------------------------


def test_an_event_of_a_dead_process_is_taken_over_after_its_lease(office: InboxOffice) -> None:
    class Killed(BaseException):
        pass

    office.answers_with(Killed())
    office.keep()
    with pytest.raises(Killed):
        office.resolver.run_once()
    office.answers_with(call_result(id="evt-1"))
    other = office.process()
    assert other.run_once() == 0
    office.clock.pass_(seconds=LEASE)
    assert other.run_once() == 1
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


def test_a_process_that_outlived_its_lease_does_not_undo_another_ones_work(office: InboxOffice) -> None:
    other = office.process()

    def overtaken() -> None:
        office.crm.meanwhile = lambda: None
        office.clock.pass_(seconds=LEASE)
        office.answers_with(call_result(id="evt-1"))
        assert other.run_once() == 1
        office.answers_with(CrmRefused("too late"))

    office.crm.meanwhile = overtaken
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


def test_two_processes_never_claim_the_same_event(office: InboxOffice) -> None:
    for number in range(10):
        office.answers_with(None, str(number))
        office.keep(Reference("call", str(number)))
    other = office.process()
    while office.resolver.run_once() or other.run_once():
        pass
    assert sorted(reference.id for reference in office.crm.asked) == [str(number) for number in range(10)]


# --- repeats ---------------------------------------------------------------------------------------


def test_the_same_event_is_kept_once_while_the_first_waits(office: InboxOffice) -> None:
    assert (office.keep(), office.keep()) == (1, 0)
    assert office.row().reports == 2


@pytest.mark.parametrize(
    "other",
    [
        Reference("call", "78"),
        Reference("deal", "77"),
        Reference("call", "77", {"phone": "+79161234567"}),
        Reference("call", "77", {}),
    ],
)
def test_a_different_event_is_kept_separately(office: InboxOffice, other: Reference) -> None:
    assert (office.keep(), office.keep(other)) == (1, 1)
    assert len(office.rows()) == 2


def test_the_same_data_in_another_order_is_the_same_event(office: InboxOffice) -> None:
    office.keep(Reference("call", "77", {"a": 1, "b": {"c": "ч", "d": None}}))
    assert office.keep(Reference("call", "77", {"b": {"d": None, "c": "ч"}, "a": 1})) == 0


def test_an_event_reported_while_it_is_being_resolved_is_resolved_once_more(office: InboxOffice) -> None:
    def changed() -> None:
        office.crm.meanwhile = lambda: None
        office.keep()

    office.answers_with(None)
    office.crm.meanwhile = changed
    office.keep()
    office.resolver.run_once()
    assert office.state() == "waiting"
    office.answers_with(call_result(id="evt-1"))
    office.resolver.run_once()
    assert (office.state(), office.call_ids(), len(office.rows())) == ("done", ["c-77"], 1)


def test_an_event_reported_after_it_was_resolved_is_a_new_one(office: InboxOffice) -> None:
    office.answers_with(call_result(id="evt-1"))
    office.keep()
    office.resolver.run_once()
    office.answers_with(
        call_result({"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}, id="evt-2")
    )
    assert office.keep() == 1
    office.resolver.run_once()
    assert [row.state for row in office.rows()] == ["done", "done"]


def test_a_repeated_report_does_not_shorten_the_wait_for_the_crm(office: InboxOffice) -> None:
    office.answers_with(CrmUnavailable("too many requests", after=120.0, status=429))
    office.keep()
    office.resolver.run_once()
    office.keep()
    assert office.resolver.run_once() == 0


def test_a_repeated_report_makes_an_unmapped_event_due_now(office: InboxOffice) -> None:
    office.answers_with(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45"))
    office.keep()
    office.resolver.run_once()
    office.answers_with(None)
    office.keep()
    office.resolver.run_once()
    assert office.state() == "ignored"


# --- what is left of it ----------------------------------------------------------------------------


def test_a_finished_event_keeps_no_personal_data(office: InboxOffice) -> None:
    office.answers_with(call_result(id="evt-1"))
    office.keep(Reference("call", "77", {"phone": "+79161234567", "name": "Иванов Иван"}))
    assert office.row().data["name"] == "Иванов Иван"
    office.resolver.run_once()
    row = office.row()
    assert (row.state, row.data, row.record, row.digest, row.why) == ("done", None, "", "", None)
    assert row.finished_at == office.clock()


def test_an_event_about_no_call_of_ours_ends_as_ignored(office: InboxOffice) -> None:
    office.answers_with(None)
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("ignored", [])


def test_finished_events_are_forgotten_after_a_week(office: InboxOffice) -> None:
    office.answers_with(None)
    office.keep()
    office.resolver.run_once()
    office.clock.pass_(days=6)
    office.resolver.run(Stopping(turns(3)))  # type: ignore[arg-type]
    assert len(office.rows()) == 1
    office.clock.pass_(days=1, minutes=1)
    office.resolver.run(Stopping(turns(3)))  # type: ignore[arg-type]
    assert office.rows() == []


def turns(number: int) -> Callable[[], bool]:
    left = iter(range(number))
    return lambda: next(left, None) is None


def test_a_kept_call_result_is_taken_without_asking_the_crm(office: InboxOffice) -> None:
    office.keep(reference_of(call_result(id="evt-1")))
    assert office.row().kind == RESULT
    office.resolver.run_once()
    assert (office.state(), office.call_ids(), office.crm.asked) == ("done", ["c-77"], [])


def test_characters_that_no_database_takes_are_replaced(office: InboxOffice) -> None:
    odd = Reference("call", "7\x007", {"name": "полови\ud800на\x00"})
    office.answers_with(None, "7\ufffd7")
    assert (office.keep(odd), office.keep(odd)) == (1, 0)
    office.resolver.run_once()
    assert office.crm.asked[0].data == {"name": "полови?на\x00"}


def test_an_event_is_kept_with_its_first_wait(office: InboxOffice) -> None:
    office.answers_with(None)
    office.keep(wait=7.0)
    assert office.resolver.run_once() == 0
    office.clock.pass_(seconds=7)
    assert office.resolver.run_once() == 1


def test_the_lease_outlasts_the_requests_that_resolving_takes(office: InboxOffice) -> None:
    assert lease_of(office.crm.limits(), 30.0) == LEASE
    assert (
        lease_of(Limits(connect_seconds=1.0, read_seconds=2.0, requests_per_event=12), 30.0) == 12 * (10 + 1 + 2) + 30
    )
    assert timedelta(seconds=LEASE) < timedelta(minutes=5)
