"""A day on which everything has happened once: calls in every state, events, alerts, exclusions, words unanswered."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert

from plugin.ledger.audit import Actor
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import alerts
from plugin.ledger.suppression import refused_calls
from plugin.ledger.trails import trails
from plugin.promise.suppression_by_hand import SuppressionByHand
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, ONLINE
from tests.plugin.web.console.console_site import ConsoleSite

#: A client's words with all that could be taken for markup.
MARKUP = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;"


def fill(site: ConsoleSite) -> dict[str, int]:
    """The day, and its calls' numbers by what they are."""
    found = {
        "late": site.report("late-1", CALLS, ago=30, call={"phone": "+79031112233"}, card={"name": "Сидорова Мария"}),
        "at_risk": site.report("risk-1", ALL, ago=21, call={"phone": "+79267654321"}, card={"name": "Ёлкин Пётр"}),
        "stopped": site.report("stop-1", ONLINE, ago=2, card={"id": "77", "name": "Кузнецов Иван Сергеевич"}),
        "done": site.report("done-1", ALL, ago=5, call={"phone": "+79055554433"}, card={"name": "Орлова Анна"}),
        "done_late": site.report("slow-1", CALLS, ago=60, call={"phone": "+79990001122"}, card={"name": "Белый Олег"}),
        "none": site.report("none-1", NONE, ago=4),
        "half": site.report("half-1", HALF, ago=0.2),
    }
    site.done(found["done"])
    site.fulfilled(found["done"])
    site.done(found["done_late"], after=26)
    site.fulfilled(found["done_late"], after=27)
    site.park(site.deliveries_of(found["stopped"])[0])
    site.change(site.deliveries_of(found["late"])[0], state="waiting", why="connection refused", attempts=4)
    for day in range(1, 28, 4):
        for number in range(day % 3 + 1):
            call = site.report(f"day-{day}-{number}", CALLS, ago=24 * day + number + 2)
            site.done(call)
            site.fulfilled(call)
    _beside(site)
    return found


def _beside(site: ConsoleSite) -> None:
    now = site.clock()
    at = {"received_at": now - timedelta(hours=1), "not_before": now + timedelta(minutes=10)}
    event = {"connector": "testcrm", "kind": "call", "reports": 1, "attempts": 3, "faults": 0, **at}
    with site.ledger.write() as connection:
        connection.execute(
            insert(kept_references),
            [
                event | {"record": "501", "digest": "a", "state": "parked", "why": "the CRM answered 404"},
                event | {"record": "502", "digest": "b", "state": "waiting", "why": "cannot connect"},
            ],
        )
        about = {"source": "crm", "hours": 4, "last": now.isoformat()}
        connection.execute(
            insert(alerts),
            {"kind": "source_silent", "cause": "source_silent:crm", "about": about, "opened_at": now},
        )
        refused = {"source": "crm", "call_key": "k", "number": "+79161112233", "scope": "calls"}
        connection.execute(insert(refused_calls), refused | {"occurred_at": now, "noticed_at": now})
        connection.execute(insert(trails), journal(site, "journal-1", "у меня машину забрала жена"))
    by_hand = SuppressionByHand(site.ledger, site.clock, Actor("иванова", "письмо от юриста"))
    by_hand.add(["+79161112233", "+79161112244"], ["calls", "mailings"])


def journal(site: ConsoleSite, call: str, words: str) -> dict[str, object]:
    """A journal of the operators' page in which no answer fitted."""
    moment = site.clock().isoformat()
    return {
        "namespace": "dealership",
        "call_id": call,
        "generation": 1,
        "script": "survey_opt_out",
        "revision": site.rules.current().revision,
        "operator": "ivanova",
        "seq": 2,
        "entries": [
            {
                "kind": "answer",
                "at": moment,
                "asked": moment,
                "q": "who-answered",
                "fact": "related_to_car",
                "value": True,
            },
            {"kind": "other", "at": moment, "q": "section-1-kind", "fact": "survey_type", "text": words},
        ],
        "remarks": 1,
        "state": "open",
        "started_at": site.clock(),
        "updated_at": site.clock(),
    }
