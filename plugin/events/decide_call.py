"""What the rules make of a call: its events merged, its revision chosen, the decision with its texts. No writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, DecisionError, InputError
from plugin.events.calls import Call
from plugin.events.facts import wrong_facts
from plugin.events.merge import CallReport, merged
from plugin.events.queries import StoredReport
from plugin.events.schema import CallResult, bad_fields
from plugin.events.texts import call_context, context_of_another_card, target_of

_LOG = structlog.get_logger(__name__)


class RevisionNotLoaded(Exception):
    """A pinned revision is needed that was not fetched before the transaction; fetch it and begin again.

    Compiling rules takes longer than others should wait for the ledger.
    """

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


class RevisionCache:
    """The active revision and the pinned ones that an event may need, fetched outside of any transaction.

    ``crm_mails``: whether the connected CRM can mail anybody at all.
    """

    def __init__(self, active: Rulebook, *, crm_mails: bool = True) -> None:
        self.active = active
        self._crm_mails = crm_mails
        self._pinned: dict[str, Rulebook] = {active.revision: active}

    def add(self, rulebook: Rulebook) -> None:
        """Have this revision at hand too."""
        self._pinned[rulebook.revision] = rulebook

    def at(self, pin: str | None) -> Rulebook:
        """The pinned revision, or the active one. Raises MissingRevisionError."""
        if pin is None:
            return self.active
        if pin not in self._pinned:
            raise RevisionNotLoaded(pin)
        return self._pinned[pin]

    def modes(self, rulebook: Rulebook) -> dict[str, str]:
        """The e-mail mode of each role, as of now; roles that only the pinned revision knows as of then.

        What a CRM that cannot mail was to send goes over SMTP.
        """
        modes = {name: role.email for book in (rulebook, self.active) for name, role in book.roles.items()}
        return modes if self._crm_mails else dict.fromkeys(modes, "smtp")


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A call with all its events, and the decision on it. ``final``: the conversation is known to be over."""

    call: Call
    decider: Decider
    facts: Mapping[str, FactValue]
    decision: Decision
    context: Mapping[str, str | None]
    modes: Mapping[str, str]
    final: bool
    received: datetime


def decider_for(result: CallResult, script: str, rulebook: Rulebook) -> Decider:
    """The script's decider in this revision. Raises EventError 422 if the event names what does not exist.

    DecisionError where the event is not at fault: the active rules lack the script that is meant.
    """
    try:
        return rulebook.script(script)
    except InputError as error:
        if result.script is not None:
            raise bad_fields({"script": [str(error)]}) from error
        if result.ruleset is not None:
            raise bad_fields({"ruleset": [str(error)]}) from error
        raise DecisionError(f"the active rules cannot decide this call: {error.message}") from error


def pin_of(reports: Sequence[StoredReport]) -> str | None:
    """The revision that the call's operator worked with: the last one that its events pin."""
    ordered = sorted(reports, key=lambda stored: (stored.report.occurred_at, stored.report.order))
    return next((stored.pin for stored in reversed(ordered) if stored.pin), None)


def decide_call(
    call: Call,
    decider: Decider,
    reports: Sequence[StoredReport],
    *,
    modes: Mapping[str, str],
    received: datetime,
    zone: ZoneInfo,
) -> DecidedCall:
    """The decision on all that the call's events said.

    Raises EventError 422 for an answer that the question asked on this path does not offer, and DecisionError.
    """
    facts = merged([stored.report for stored in reports], decider.path)
    if len(reports) > 1:
        facts = _fitting(decider, facts, call)
    context = call_context(call, call.due(decider.promise_hours, received), zone)
    try:
        decision = decider.decide(facts, context)
        if target_of(decision):
            context = context_of_another_card(context)
            decision = decider.decide(facts, context)
    except BadFacts as error:
        raise wrong_facts(error) from error
    return DecidedCall(call, decider, facts, decision, context, modes, _is_over(reports), received)


def _is_over(reports: Sequence[StoredReport]) -> bool:
    """Whether the event just received (the last one) or the latest that occurred was the conversation's final one."""
    latest = max(reports, key=lambda stored: (stored.report.occurred_at, stored.report.order))
    return reports[-1].final or latest.final


def _fitting(decider: Decider, facts: Mapping[str, FactValue], call: Call) -> dict[str, FactValue]:
    """The facts without those that an earlier event gave by another revision and this one no longer takes."""
    try:
        return decider.type_facts(facts)
    except BadFacts as error:
        wrong = {fault.field for fault in error.errors}
        _LOG.warning("events.facts_outdated", call=call.call_id, facts=sorted(wrong))
        return {name: value for name, value in facts.items() if name not in wrong}


def new_report(result: CallResult, said: Mapping[str, FactValue | None], order: int) -> StoredReport:
    """The event that is being taken in, as the last one received."""
    return StoredReport(CallReport(result.occurred_at, order, said), result.final, result.ruleset)
