"""``make bench``: every table, and exit status 1 if a figure missed what it must reach."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import (
    backlog,
    chain,
    checking,
    choosing,
    console,
    decisions,
    draining,
    editing,
    events,
    hostile,
    killed,
    ledger,
    operator_page,
    outage,
    publishing,
    rules,
    searching,
    shadow,
    sizing,
    suppression,
)
from benchmarks.measure import Row, show

TABLES: dict[str, Callable[[], list[Row]]] = {
    "Decisions on facts seen before": decisions.compare,
    "Decisions on facts never seen": decisions.first_time,
    "Decisions that choose among 200 actions": choosing.decisions,
    "Memory of deciding": decisions.memory,
    "Call results taken in (SQLite)": events.answer_times,
    "Call results beside hostile connections": hostile.connections,
    "Call results beside 24 sign-ins at once": hostile.sign_ins,
    "A CRM's mass change taken in, 1.5 MB": events.mass_change,
    "Call results beside a shadow (SQLite)": shadow.answers,
    "Memory of the service": events.memory,
    "Start": events.readiness,
    "Claims at 1,000,000 deliveries ÷ at 10,000": ledger.claims,
    "Start with 1,000,000 deliveries": ledger.start,
    "Calls found among 1,000,000": searching.searches,
    "Draining 10,000 deliveries, 50 ms each": draining.rates,
    "Memory of draining": draining.memory,
    "A backlog whose events bring ids only": backlog.requests,
    "An outage of the CRM": outage.outage,
    "Delivering after kill -9": killed.after_a_kill,
    "The operator's page in Chromium": operator_page.phrases,
    "The operator's page: fifty at once": operator_page.at_once,
    "The operator's page: clients looked up": operator_page.looked_up,
    "The console on 1,000,000 calls": console.pages,
    "The rules' editor: faults and changes": editing.times,
    "The rules' editor: ten admins beside events": editing.beside_events,
    "Suppression: 1,000,000 numbers asked for": suppression.checks,
    "Suppression: 1,000,000 numbers exported": suppression.exports,
    "The chain of records, and proofs": chain.costs,
    "What a call costs the service (SQLite)": sizing.a_call,
    "Rules: checked": checking.times,
    "Rules: published": publishing.effect,
    "Rules: memory of publishing": publishing.memory,
    "Rules: past calls decided again": rules.past_calls,
    "Rules: table and picture": rules.views,
}


def main() -> int:
    """Run the tables whose titles hold the words given on the command line, or all."""
    words = " ".join(sys.argv[1:]).lower()
    reached = [show(title, measure()) for title, measure in TABLES.items() if words in title.lower()]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
