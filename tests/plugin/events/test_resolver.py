"""Kept events are resolved, again and again, by whichever process has them, until nothing of them is left to do."""

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


class Scripted(Crm):
    """A CRM whose calls are what ``answers`` says: a result, None, or what it raises."""

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
class Office:
    """One ledger with a clock of its own, and as many processes on it as a test wants."""

    ledger: Ledger
    clock: Clock
    rules: ActiveRules
    crm: Scripted = field(default_factory=Scripted)
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

    def says(self, answer: Any, call: str = "77") -> None:
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
def office(ledger_url: str) -> Iterator[Office]:
    clock = Clock()
    ledger = Ledger(ledger_url, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(rulebook(), "test", "test")
    yield Office(ledger, clock, rules)
    ledger.close()


# --- what waits ------------------------------------------------------------------------------------


def test_one_that_the_crm_does_not_show_now_waits_longer_and_longer(office: Office) -> None:
    office.says(CrmUnavailable("no answer in time", status=500))
    office.keep()
    waits = []
    for _ in range(3):
        assert office.resolver.run_once() == 1
        waits.append(office.wait())
        office.clock.pass_(seconds=office.wait())
    assert waits == [5.0, 10.0, 20.0]
    assert (office.state(), office.row().why) == ("waiting", "no answer in time")


def test_what_the_crm_asks_to_wait_for_is_waited_for(office: Office) -> None:
    office.says(CrmUnavailable("too many requests", after=120.0, status=429))
    office.keep()
    office.resolver.run_once()
    assert office.wait() == pytest.approx(120.0)
    assert office.resolver.run_once() == 0


def test_failures_open_the_accounts_breaker_and_nothing_is_asked_while_it_is_open(office: Office) -> None:
    office.says(CrmUnavailable("refused"))
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
    office.says(call_result(id="evt-1"))
    assert office.resolver.run_once() == 1
    assert office.state() == "done"


def test_an_open_breaker_spares_the_crm_what_came_in_meanwhile(office: Office) -> None:
    with office.ledger.write() as connection:
        away = {"account": "testcrm", "failures": 5, "suspects": [], "opened_at": office.clock(), "why": "refused"}
        connection.execute(insert(breakers), away)
    office.keep()
    assert office.resolver.run_once() == 0
    assert office.state() == "waiting"


def test_an_answer_closes_what_failures_had_begun(office: Office) -> None:
    office.says(CrmUnavailable("refused"))
    office.keep()
    office.resolver.run_once()
    office.clock.pass_(seconds=office.wait())
    office.says(None)
    office.resolver.run_once()
    with office.ledger.read() as connection:
        assert connection.execute(select(breakers.c.failures)).scalars().all() == [0]


def test_a_value_without_a_meaning_waits_and_says_which(office: Office) -> None:
    office.says(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45", fact="refuses"))
    office.keep()
    office.resolver.run_once()
    row = office.row()
    assert (row.state, row.cause) == ("waiting", "UF_1=45")
    assert row.about == {"field": "UF_1", "value": "45", "fact": "refuses", "why": "field 'UF_1' holds '45'"}
    # The CRM goes away meanwhile: what it waits for is still known.
    office.says(CrmUnavailable("no answer", status=500))
    office.clock.pass_(seconds=office.wait())
    office.resolver.run_once()
    assert office.row().cause == "UF_1=45"


def test_once_the_mapping_is_mended_it_goes_on_by_itself(office: Office) -> None:
    office.says(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45", fact="refuses"))
    office.keep()
    for _ in range(9):
        office.resolver.run_once()
        office.clock.pass_(seconds=office.wait())
    office.resolver.run_once()
    assert office.wait() == 900.0
    office.says(call_result(id="evt-1"))
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


def test_rules_that_cannot_decide_are_waited_for(office: Office) -> None:
    with office.ledger.write() as connection:
        connection.execute(activations.delete())
    office.says(call_result(id="evt-1"))
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


def test_one_that_the_crm_refuses_for_good_is_parked(office: Office) -> None:
    office.says(CrmRefused("no right to read deals", status=403))
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.row().why) == ("parked", "the CRM does not show it: no right to read deals")
    office.clock.pass_(days=2)
    assert office.resolver.run_once() == 0


def test_a_call_result_that_cannot_be_used_is_parked_with_its_fields_and_without_their_values(office: Office) -> None:
    office.says(call_result({"related_to_car": "Иванов Иван"}, id="evt-1"))
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.row().why) == ("parked", "bad_fields: facts.related_to_car")


def test_an_event_whose_id_was_used_for_another_is_parked(office: Office) -> None:
    office.says(call_result(id="evt-1"))
    office.keep()
    office.resolver.run_once()
    office.says(call_result(id="evt-1", note="ещё что-то"), "78")
    office.keep(Reference("call", "78"))
    office.resolver.run_once()
    assert office.rows()[1].why.startswith("event_id_reused")


def test_a_fault_of_the_connector_is_not_tried_for_ever_and_its_words_are_not_kept(office: Office) -> None:
    office.says(RuntimeError("password=hunter2"))
    office.keep()
    states = []
    for _ in range(POLICY.most_faults):
        office.resolver.run_once()
        states.append(office.state())
        office.clock.pass_(hours=1)
    assert states == ["waiting", "waiting", "parked"]
    assert office.row().why == "a fault of the connector: RuntimeError"


def test_one_that_was_parked_is_tried_anew_when_it_is_reported_again(office: Office) -> None:
    office.says(CrmRefused("no right", status=403))
    office.keep()
    office.resolver.run_once()
    office.says(call_result(id="evt-1"))
    assert office.keep() == 0
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


# --- several processes -----------------------------------------------------------------------------


def test_one_that_died_with_it_is_followed_by_another_after_its_lease(office: Office) -> None:
    class Killed(BaseException):
        pass

    office.says(Killed())
    office.keep()
    with pytest.raises(Killed):
        office.resolver.run_once()
    office.says(call_result(id="evt-1"))
    other = office.process()
    assert other.run_once() == 0
    office.clock.pass_(seconds=LEASE)
    assert other.run_once() == 1
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


def test_one_that_was_held_up_beyond_its_lease_does_not_undo_what_another_did(office: Office) -> None:
    other = office.process()

    def overtaken() -> None:
        office.crm.meanwhile = lambda: None
        office.clock.pass_(seconds=LEASE)
        office.says(call_result(id="evt-1"))
        assert other.run_once() == 1
        office.says(CrmRefused("too late"))

    office.crm.meanwhile = overtaken
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("done", ["c-77"])


def test_two_processes_never_have_the_same_one(office: Office) -> None:
    for number in range(10):
        office.says(None, str(number))
        office.keep(Reference("call", str(number)))
    other = office.process()
    while office.resolver.run_once() or other.run_once():
        pass
    assert sorted(reference.id for reference in office.crm.asked) == [str(number) for number in range(10)]


# --- repeats ---------------------------------------------------------------------------------------


def test_the_same_event_while_the_first_waits_is_kept_once(office: Office) -> None:
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
def test_another_event_is_kept_beside_it(office: Office, other: Reference) -> None:
    assert (office.keep(), office.keep(other)) == (1, 1)
    assert len(office.rows()) == 2


def test_what_was_brought_along_is_the_same_in_whatever_order(office: Office) -> None:
    office.keep(Reference("call", "77", {"a": 1, "b": {"c": "ч", "d": None}}))
    assert office.keep(Reference("call", "77", {"b": {"d": None, "c": "ч"}, "a": 1})) == 0


def test_one_that_is_reported_while_it_is_being_resolved_is_resolved_once_more(office: Office) -> None:
    def changed() -> None:
        office.crm.meanwhile = lambda: None
        office.keep()

    office.says(None)
    office.crm.meanwhile = changed
    office.keep()
    office.resolver.run_once()
    assert office.state() == "waiting"
    office.says(call_result(id="evt-1"))
    office.resolver.run_once()
    assert (office.state(), office.call_ids(), len(office.rows())) == ("done", ["c-77"], 1)


def test_one_that_is_reported_after_it_was_resolved_is_another(office: Office) -> None:
    office.says(call_result(id="evt-1"))
    office.keep()
    office.resolver.run_once()
    office.says(call_result({"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}, id="evt-2"))
    assert office.keep() == 1
    office.resolver.run_once()
    assert [row.state for row in office.rows()] == ["done", "done"]


def test_a_report_of_one_that_waits_for_the_crm_does_not_make_it_be_asked_sooner(office: Office) -> None:
    office.says(CrmUnavailable("too many requests", after=120.0, status=429))
    office.keep()
    office.resolver.run_once()
    office.keep()
    assert office.resolver.run_once() == 0


def test_a_report_of_one_that_waits_for_its_mapping_is_looked_at_now(office: Office) -> None:
    office.says(NotMapped("field 'UF_1' holds '45'", field="UF_1", value="45"))
    office.keep()
    office.resolver.run_once()
    office.says(None)
    office.keep()
    office.resolver.run_once()
    assert office.state() == "ignored"


# --- what is left of it ----------------------------------------------------------------------------


def test_nothing_personal_is_left_of_one_that_is_done(office: Office) -> None:
    office.says(call_result(id="evt-1"))
    office.keep(Reference("call", "77", {"phone": "+79161234567", "name": "Иванов Иван"}))
    assert office.row().data["name"] == "Иванов Иван"
    office.resolver.run_once()
    row = office.row()
    assert (row.state, row.data, row.record, row.digest, row.why) == ("done", None, "", "", None)
    assert row.finished_at == office.clock()


def test_no_call_of_ours_ends_as_ignored(office: Office) -> None:
    office.says(None)
    office.keep()
    office.resolver.run_once()
    assert (office.state(), office.call_ids()) == ("ignored", [])


def test_what_is_over_is_forgotten_after_a_week(office: Office) -> None:
    office.says(None)
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


def test_a_whole_call_result_that_was_kept_is_taken_without_asking_the_crm(office: Office) -> None:
    office.keep(reference_of(call_result(id="evt-1")))
    assert office.row().kind == RESULT
    office.resolver.run_once()
    assert (office.state(), office.call_ids(), office.crm.asked) == ("done", ["c-77"], [])


def test_what_no_database_takes_is_kept_in_a_form_that_it_does(office: Office) -> None:
    odd = Reference("call", "7\x007", {"name": "полови\ud800на\x00"})
    office.says(None, "7\ufffd7")
    assert (office.keep(odd), office.keep(odd)) == (1, 0)
    office.resolver.run_once()
    assert office.crm.asked[0].data == {"name": "полови?на\x00"}


def test_a_wait_that_was_asked_for_when_it_was_kept_is_kept_too(office: Office) -> None:
    office.says(None)
    office.keep(wait=7.0)
    assert office.resolver.run_once() == 0
    office.clock.pass_(seconds=7)
    assert office.resolver.run_once() == 1


def test_the_lease_outlasts_the_requests_that_making_out_a_call_takes(office: Office) -> None:
    assert lease_of(office.crm.limits(), 30.0) == LEASE
    assert (
        lease_of(Limits(connect_seconds=1.0, read_seconds=2.0, requests_per_event=12), 30.0) == 12 * (10 + 1 + 2) + 30
    )
    assert timedelta(seconds=LEASE) < timedelta(minutes=5)
