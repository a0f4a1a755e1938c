"""Events of the connected CRM over HTTP: what is authentic is decided at once or kept, never lost and never refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, update

from connectors.base import CrmUnavailable, NotMapped
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import Settings
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import breakers, events
from plugin.web import create_app
from tests.plugin.web.harness import PATH_SECRET, Crm, OneShotCrm, call_result

TOKEN = {"x-crm-token": PATH_SECRET}

Client = Callable[[Crm], FlaskClient]


@pytest.fixture
def client(ledger: Ledger, rules: ActiveRules, settings: Settings) -> Client:
    """A web side on a CRM of the test's choice."""

    def make(crm: Crm) -> FlaskClient:
        intake = Intake(ledger, rules, settings, utc_now)
        return create_app(intake, ledger, settings, rules, crm).test_client()

    return make


@pytest.fixture
def kept(ledger: Ledger) -> Callable[[], list[Any]]:
    def rows() -> list[Any]:
        with ledger.read() as connection:
            return list(connection.execute(select(kept_references).order_by(kept_references.c.id)))

    return rows


def report(client: FlaskClient, **event: Any) -> tuple[int, Any]:
    answer = client.post("/events/testcrm", data=json.dumps(event), headers=TOKEN)
    return answer.status_code, answer.get_json()


def stored(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


# --- a ledger that cannot commit, and what cannot be verified ----------------------------------------


@pytest.mark.parametrize("crm", [Crm({}), OneShotCrm({})], ids=["repeats", "one shot"])
def test_what_cannot_be_committed_is_503_with_the_time_to_come_back(
    client: Client, settings: Settings, crm: Crm, kept: Callable[[], list[Any]]
) -> None:
    site, other = client(crm), Ledger(settings.ledger_url)
    with other.write():
        answer = site.post("/events/testcrm", data=json.dumps({"references": ["down"]}), headers=TOKEN)
    other.close()
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert kept() == []
    assert report(site, references=["down"]) == (202, {"kept": 1})


def test_an_event_that_cannot_be_verified_now_is_503_and_nothing_of_it_is_kept(
    client: Client, kept: Callable[[], list[Any]]
) -> None:
    class Unsure(OneShotCrm):
        def parse_event(self, *_: Any) -> Any:
            raise CrmUnavailable("the key cannot be read now", after=3.2)

    answer = client(Unsure({})).post("/events/testcrm", data=b"{}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "4")
    assert kept() == []


@pytest.mark.parametrize("crm", [Crm({}), OneShotCrm({})], ids=["repeats", "one shot"])
@pytest.mark.parametrize(
    "event", [{"references": ["evt-1"]}, {"calls": [call_result("evt-1")]}], ids=["named", "whole"]
)
def test_what_the_rules_cannot_decide_now_is_kept(
    ledger: Ledger, settings: Settings, crm: Crm, event: dict[str, Any], kept: Callable[[], list[Any]]
) -> None:
    nothing_active = ActiveRules(ledger, utc_now)
    app = create_app(Intake(ledger, nothing_active, settings, utc_now), ledger, settings, nothing_active, crm)
    assert report(app.test_client(), **event) == (202, {"kept": 1})
    assert [row.state for row in kept()] == ["waiting"]


# --- a CRM that repeats what was answered 503 ------------------------------------------------------


@pytest.mark.parametrize("reference", ["busy", "down", "forbidden", "unmapped"])
def test_a_call_that_the_crm_does_not_show_now_is_kept(
    client: Client, ledger: Ledger, kept: Callable[[], list[Any]], reference: str
) -> None:
    assert report(client(Crm({})), references=[reference]) == (202, {"kept": 1})
    (row,) = kept()
    assert (row.state, row.kind, row.record, row.reports, row.owner) == ("waiting", "call", reference, 1, None)
    assert stored(ledger) == 0


def test_what_the_crm_asks_to_wait_for_is_waited_for(client: Client, kept: Callable[[], list[Any]]) -> None:
    report(client(Crm({})), references=["busy", "unmapped"])
    busy, unmapped = kept()
    assert 7 <= (busy.not_before - busy.received_at).total_seconds() <= 7.5
    assert unmapped.not_before == unmapped.received_at


def test_a_call_whose_fields_are_wrong_is_kept_for_a_human_instead_of_telling_the_crm(
    client: Client, kept: Callable[[], list[Any]]
) -> None:
    class Wrong(Crm):
        def resolve(self, reference: Any) -> Any:
            return call_result("evt-1") | {"occurred_at": "yesterday"}

    assert report(client(Wrong({})), references=["1"]) == (202, {"kept": 1})
    assert len(kept()) == 1


def test_nothing_is_asked_of_a_crm_that_is_known_to_be_away(
    client: Client, ledger: Ledger, kept: Callable[[], list[Any]]
) -> None:
    class Silent(Crm):
        def resolve(self, reference: Any) -> Any:
            raise AssertionError("asked")

    with ledger.write() as connection:
        away = {"account": "testcrm", "failures": 5, "suspects": [], "opened_at": utc_now(), "why": "refused"}
        connection.execute(insert(breakers), away)
    assert report(client(Silent({})), references=["evt-1"]) == (202, {"kept": 1})
    assert len(kept()) == 1


def test_a_call_that_is_shown_is_answered_with_its_decision(client: Client, kept: Callable[[], list[Any]]) -> None:
    status, body = report(client(Crm({})), references=["evt-7", "foreign"])
    assert (status, body["call"], body["decision"]["outcome"]) == (202, "call-evt-7", "exclude_calls")
    assert kept() == []


def test_of_several_calls_those_that_are_shown_are_decided_and_the_others_kept(
    client: Client, ledger: Ledger, kept: Callable[[], list[Any]]
) -> None:
    class Steady(Crm):
        """It shows a call the same way each time."""

        shown: ClassVar[dict[str, Any]] = {}

        def resolve(self, reference: Any) -> Any:
            return self.shown.setdefault(reference.id, super().resolve(reference))

    site = client(Steady({}))
    status, body = report(site, references=["evt-7", "down", "evt-8"])
    assert (status, body["kept"]) == (202, 1)
    assert [result["call"] for result in body["results"]] == ["call-evt-7", "call-evt-8"]
    assert [row.record for row in kept()] == ["down"]
    # Told again while it waits: those decided are known, the one that waits is still one.
    status, body = report(site, references=["evt-7", "down"])
    assert (status, body["duplicate"], body["kept"]) == (202, True, 1)
    assert [row.reports for row in kept()] == [2]
    assert stored(ledger) == 2


# --- a CRM that sends an event only once -----------------------------------------------------------


def test_references_are_kept_unasked_and_answered_at_once(client: Client, kept: Callable[[], list[Any]]) -> None:
    class Slow(OneShotCrm):
        def resolve(self, reference: Any) -> Any:
            raise AssertionError("asked")

    assert report(client(Slow({})), references=["evt-1", "foreign", "evt-1"]) == (202, {"kept": 3})
    assert [(row.record, row.reports) for row in kept()] == [("evt-1", 2), ("foreign", 1)]


def test_a_whole_call_result_is_decided_at_once(client: Client, kept: Callable[[], list[Any]]) -> None:
    status, body = report(client(OneShotCrm({})), calls=[call_result("evt-1")])
    assert (status, body["decision"]["outcome"]) == (202, "exclude_calls")
    assert kept() == []


def test_a_whole_call_result_that_cannot_be_used_is_kept_for_a_human(
    client: Client, kept: Callable[[], list[Any]]
) -> None:
    wrong = call_result("evt-1") | {"occurred_at": "yesterday"}
    assert report(client(OneShotCrm({})), calls=[wrong]) == (202, {"kept": 1})
    (row,) = kept()
    assert row.data["occurred_at"] == "yesterday"


def test_a_mapping_error_says_what_is_to_be_mapped() -> None:
    error = NotMapped("field", field="UF_1", value="45", fact="refuses")
    assert (error.field, error.value, error.fact) == ("UF_1", "45", "refuses")
    assert NotMapped("without").field is None


def test_kept_means_committed_for_every_process_to_see(client: Client, settings: Settings) -> None:
    report(client(OneShotCrm({})), references=["evt-1"])
    other = Ledger(settings.ledger_url)
    with other.read() as connection:
        assert connection.execute(select(func.count()).select_from(kept_references)).scalar_one() == 1
    other.close()


# --- what the account and the parked events learn of it ----------------------------------------------


def test_what_an_event_meets_at_the_crm_counts_for_the_breaker(client: Client, ledger: Ledger) -> None:
    class Blocking(Crm):
        asked = 0

        def resolve(self, reference: Any) -> Any:
            self.asked += 1
            raise CrmUnavailable("the account is shut", status=403, blocked=True)

    crm = Blocking({})
    page = client(crm)
    assert report(page, references=["1"]) == (202, {"kept": 1})
    assert report(page, references=["2"]) == (202, {"kept": 1})
    assert crm.asked == 1
    with ledger.read() as connection:
        assert connection.execute(select(breakers.c.blocked)).scalar_one() is True


def test_different_events_that_time_out_are_different_suspects_and_nobody_is_asked_besides(
    client: Client, ledger: Ledger
) -> None:
    class Slow(Crm):
        probed = 0

        def resolve(self, reference: Any) -> Any:
            raise CrmUnavailable("no whole answer in time", status=504)

        def probe(self) -> None:
            self.probed += 1

    crm = Slow({})
    page = client(crm)
    for call in ("1", "2", "3"):
        report(page, references=[call])
    with ledger.read() as connection:
        assert len(connection.execute(select(breakers.c.suspects)).scalar_one()) == 3
    assert crm.probed == 0


def test_a_parked_event_is_over_once_its_mended_record_is_answered_at_once(
    client: Client, ledger: Ledger, kept: Callable[[], list[Any]]
) -> None:
    page = client(Crm({}))
    report(page, references=["forbidden"])
    with ledger.write() as connection:
        connection.execute(update(kept_references).values(state="parked", why="no right", record="77"))
    assert report(page, references=["77"])[0] == 202
    (row,) = kept()
    assert (row.state, row.why, row.record) == ("done", None, "")
