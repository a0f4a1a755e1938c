"""Decides a loaded call: its events merged, its revision chosen, the decision with its texts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from plugin.common.clock import local_time
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.calendar import Due, due_by
from plugin.deciding.ruleset.model import ActionSpec
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, DecisionError, InputError
from plugin.events.calls import Call, new_call, with_event
from plugin.events.card_fields import facts_of_card
from plugin.events.facts import answers_in, typed_facts, unfit_facts, wrong_facts
from plugin.events.load_call import LoadedCall, NewCall
from plugin.events.merge import CallReport, merged
from plugin.events.parse import ParsedEvent
from plugin.events.revision_cache import RevisionCache
from plugin.events.schema import CallResult, bad_fields
from plugin.events.texts import call_context, context_of_another_card, target_of

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A call with all its events, the one that is being taken in last, and the decision on it.

    ``context`` are the call's placeholders, ``modes`` the e-mail mode of each role, ``zone`` the deployment's.
    """

    loaded: LoadedCall
    decider: Decider
    facts: Mapping[str, FactValue]
    decision: Decision
    context: Mapping[str, str | None]
    modes: Mapping[str, str]
    received: datetime
    zone: ZoneInfo

    @property
    def call(self) -> Call:
        return self.loaded.call

    def due(self, hours: int | None, *, working: bool = False) -> Due:
        """When something is due within ``hours`` of the call, by default those of the promise."""
        return _due(self.decider, self.call, hours, working, self.received, self.zone)

    @property
    def event_facts(self) -> dict[str, FactValue | None]:
        """The typed facts of the event that is being taken in, None for those that it retracts."""
        return dict(self.loaded.reports[-1].facts)

    @property
    def is_over(self) -> bool:
        """Whether the last event received, or the latest that occurred, was the conversation's final one."""
        reports = self.loaded.reports
        return reports[-1].final or max(reports, key=lambda report: report.place).final


@dataclass(frozen=True, slots=True)
class IgnoredEvent:
    """An event without an opt-out request in it, and the script that would have decided.

    ``call``: the ledger's id of the call, where it is known.
    """

    decider: Decider
    call: int | None = None


def decide_event(
    loaded: LoadedCall | NewCall, event: ParsedEvent, result: CallResult, revisions: RevisionCache, settings: Settings
) -> DecidedCall | IgnoredEvent:
    """The decision on the call with this event in it. Raises EventError 422, DecisionError, RevisionNotLoaded."""
    stored = loaded if isinstance(loaded, LoadedCall) else None
    earlier = stored.reports if stored else ()
    report = CallReport(
        result.occurred_at, max((one.order for one in earlier), default=0) + 1, {}, result.final, result.ruleset
    )
    rulebook = revisions.at(_pin_of([*earlier, report]))
    decider = _decider_for(result, _script(stored, result, settings.default_script), rulebook)
    facts = typed_facts(decider, result.facts, result.call_fields) | facts_of_card(decider, result.read_fields)
    answers = answers_in(decider, result.facts)
    # A new call counts even without an answer where an operator handed it over, or noted what the client asked for.
    is_told = result.final and (event.from_page or result.note is not None)
    if stored is None and not is_told and all(result.facts[name] is None for name in answers):
        return IgnoredEvent(decider)
    decided = decide_call(
        _with_event(loaded, event, result, decider, replace(report, facts=facts)),
        rulebook,
        modes=revisions.modes(rulebook),
        received=event.received,
        zone=settings.timezone,
    )
    if not answers and (decided.decision.complete or not result.final):
        return IgnoredEvent(decider, None if stored is None else stored.call.id)
    return decided


def decide_call(
    loaded: LoadedCall, rulebook: Rulebook, *, modes: Mapping[str, str], received: datetime, zone: ZoneInfo
) -> DecidedCall:
    """The decision on the merged facts of the call's events; ``received``: when the last one came in, or now.

    Raises InputError where the rules lack the call's script, EventError 422 for an answer that the question asked on
    this path does not offer, and DecisionError.
    """
    call = loaded.call
    decider = rulebook.script(call.script)
    facts = merged(loaded.reports, decider.path)
    if len(loaded.reports) > 1 and (unfit := unfit_facts(decider, facts)):
        _LOG.warning("events.facts_outdated", call=call.call_id, facts=sorted(unfit))
        facts = {name: value for name, value in facts.items() if name not in unfit}
    context = call_context(call, call.due(decider.promise_hours, received), zone)

    def due(spec: ActionSpec) -> str:
        return local_time(_due(decider, call, spec.due_in_hours, spec.working, received, zone).at, zone)

    try:
        decision = decider.decide(facts, context, due)
        if target_of(decision):
            context = context_of_another_card(context)
            decision = decider.decide(facts, context, due)
    except BadFacts as error:
        raise wrong_facts(error) from error
    return DecidedCall(loaded, decider, facts, decision, context, modes, received, zone)


def _due(decider: Decider, call: Call, hours: int | None, working: bool, received: datetime, zone: ZoneInfo) -> Due:
    calendar = decider.script.calendar if working else None
    promised = call.due(hours or decider.promise_hours, received)
    return due_by(calendar, max(call.first_occurred_at, received), promised, zone)


def decide_stored(
    loaded: LoadedCall, revisions: RevisionCache, received: datetime, zone: ZoneInfo, revision: str | None = None
) -> DecidedCall:
    """The decision on a stored call as it is, by this revision or by the one it pins. Raises as ``decide_call``."""
    rulebook = revisions.at(revision or _pin_of(loaded.reports))
    return decide_call(loaded, rulebook, modes=revisions.modes(rulebook), received=received, zone=zone)


def _pin_of(reports: Sequence[CallReport]) -> str | None:
    """The revision that the call's operator worked with: the last one that its events pin."""
    pinning = [report for report in reports if report.pin]
    return max(pinning, key=lambda report: report.place).pin if pinning else None


def _script(stored: LoadedCall | None, result: CallResult, default: str) -> str:
    """The script that the call is decided by. Raises EventError 422 where the event names another one."""
    if stored is None:
        return result.script or default
    script = stored.call.script
    if result.script not in (None, script):
        raise bad_fields({"script": [f"this call was reported under the script {script}, which cannot change"]})
    return script


def _decider_for(result: CallResult, script: str, rulebook: Rulebook) -> Decider:
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


def _with_event(
    loaded: LoadedCall | NewCall, event: ParsedEvent, result: CallResult, decider: Decider, report: CallReport
) -> LoadedCall:
    hours = decider.promise_hours
    if isinstance(loaded, LoadedCall):
        call = with_event(loaded.call, result, hours)
        return replace(loaded, call=call, reports=(*loaded.reports, report))
    source = event.source
    call = new_call(source.namespace, loaded.generation, decider.name, result, hours, dry_run=source.dry_run)
    return LoadedCall(call, (report,), reuses_id=loaded.reuses_id)
