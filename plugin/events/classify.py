"""From a call result to its call and the decision on it; reads the ledger, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from plugin.config.settings import Settings, Source
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.events.calls import Call, find_call, new_call, with_event
from plugin.events.decide_call import DecidedCall, RevisionCache, decide_call, decider_for, new_report, pin_of
from plugin.events.facts import answers_in, typed_facts
from plugin.events.queries import StoredReport, calls_of, reports_of
from plugin.events.schema import CallResult, bad_fields

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Classified:
    """The call with the event in it, weighed; ``said``: the event's own facts, typed, None for the retracted ones."""

    weighed: DecidedCall
    said: Mapping[str, FactValue | None]

    @property
    def decider(self) -> Decider:
        """The script that was decided by."""
        return self.weighed.decider


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event without an opt-out request in it, and the script that would have decided."""

    decider: Decider


@dataclass(frozen=True, slots=True)
class Classifier:
    """Judges one call result. What it reads is locked until the transaction ends.

    ``own``: the operator handed the call over, so that it is one even where nothing was answered.
    """

    source: Source
    result: CallResult
    received: datetime
    at_hand: RevisionCache
    settings: Settings
    own: bool = False

    def judge(self, connection: Connection) -> Classified | Ignored:
        """What the event makes of its call.

        Raises EventError 422, DecisionError, MissingRevisionError.
        """
        result = self.result
        known = calls_of(connection, self.source.namespace, result.call_id)
        # What was only tried out was never written: a call that is meant begins anew, and the other way round.
        kindred = [other for other in known if other.dry_run == self.source.dry_run]
        call = find_call(kindred, result)
        if call is None:
            decider = decider_for(result, self._script(None), self.at_hand.at(result.ruleset))
            handed_over = self.own and result.final
            if not handed_over and all(result.facts[name] is None for name in answers_in(decider, result.facts)):
                typed_facts(decider, result)
                return Ignored(decider)
        generation = max((other.generation for other in known), default=0) + 1
        judged = self._weighed(call, generation, [] if call is None else reports_of(connection, call.stored_id))
        nothing_said = not answers_in(judged.decider, result.facts)
        if nothing_said and (judged.weighed.decision.complete or not result.final):
            return Ignored(judged.decider)
        if call is None and kindred:
            _LOG.info("events.call_id_reused", source=self.source.name, call=result.call_id, generation=generation)
        return judged

    def _weighed(self, call: Call | None, generation: int, reports: Sequence[StoredReport]) -> Classified:
        result = self.result
        order = max((stored.report.order for stored in reports), default=0) + 1
        rulebook = self.at_hand.at(pin_of([*reports, new_report(result, {}, order)]))
        decider = decider_for(result, self._script(call), rulebook)
        said = typed_facts(decider, result)
        if call is None:
            call = new_call(
                self.source.namespace,
                generation,
                decider.name,
                result,
                decider.promise_hours,
                dry_run=self.source.dry_run,
            )
        else:
            call = with_event(call, result, decider.promise_hours)
        weighed = decide_call(
            call,
            decider,
            [*reports, new_report(result, said, order)],
            modes=self.at_hand.modes(rulebook),
            received=self.received,
            zone=self.settings.timezone,
        )
        return Classified(weighed, said)

    def _script(self, call: Call | None) -> str:
        given = self.result.script
        if call is None:
            return given or self.settings.default_script
        if given is not None and given != call.script:
            why = f"this call was reported under the script {call.script}, which cannot change"
            raise bad_fields({"script": [why]})
        return call.script
