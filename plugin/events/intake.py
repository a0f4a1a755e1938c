"""Takes call results in: parse, authenticate, validate, load the call, decide, plan, save, respond.

Each step is a function of a module of its own; here they follow one another, the last ones in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings, Source
from plugin.deciding.decision.model import Decision
from plugin.errors import EventError, LedgerUnavailable
from plugin.events.card_fields import CardFieldReader
from plugin.events.decide_call import IgnoredEvent, decide_event
from plugin.events.load_call import load_call_of
from plugin.events.parse import ParsedEvent, as_body, parse
from plugin.events.plan_change import CallChange, plan_change
from plugin.events.refusals import EventRefusal, RefusalLog
from plugin.events.refused_call import ReportedCall, note_refused_call
from plugin.events.respond import EventResponse, combined, respond, respond_new, respond_taken, respond_to_repeat
from plugin.events.revision_cache import RevisionCache
from plugin.events.save_change import AnsweredEvent, save_change, save_event
from plugin.events.schema import CallResult
from plugin.events.signed import SignedReports
from plugin.events.validate import event_warnings, validate
from plugin.ledger import Ledger
from plugin.ledger.group_commit import GroupCommit

_LOG = structlog.get_logger(__name__)

#: Tries of one transaction: another process may store the same event or call at the same moment.
_TRIES = 5

_NOTHING: Mapping[str, str | bool] = MappingProxyType({})

#: Whether the decision is what was confirmed.
Accept = Callable[[Decision], bool]


class _Write(NamedTuple):
    """One event's part of a transaction, and the call that it is of."""

    call: tuple[str, str]
    work: Callable[[Connection], EventResponse]


class DecisionChanged(Exception):
    """The decision is not what was confirmed; nothing was stored. ``change`` is what would have been written."""

    def __init__(self, change: CallChange) -> None:
        super().__init__("decided otherwise")
        self.change = change


class Intake:
    """The way in for call results. Thread-safe. Raises ConfigError for a source whose secret cannot be used.

    ``card_fields``: what the rules read of cards and the event does not bring is read by it before the transaction.
    """

    def __init__(
        self,
        ledger: Ledger,
        rules: ActiveRules,
        settings: Settings,
        now: Now,
        card_fields: CardFieldReader | None = None,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._card_fields = card_fields
        self._reports = SignedReports(settings, now)
        self._refusals = RefusalLog(ledger, now)
        self._writes = GroupCommit[_Write, EventResponse](
            ledger, lambda connection, writes: [write.work(connection) for write in writes], lambda write: write.call
        )
        self._unfinished_after = timedelta(minutes=settings.delivery.unfinished_after_minutes)

    def receive(self, headers: Mapping[str, str], body: bytes) -> EventResponse:
        """``POST /events/call-result``: every check of contract 3.3 in its order; never raises for bad input."""
        sender, response = self._reports.receive(headers, body, self._take)
        self.tell_refusal(sender, response)
        return response

    def tell_refusal(self, source_name: str, response: EventResponse) -> None:
        """Count what was answered 4xx, and tell the admins; ``source_name`` as the ledger records it."""
        for answer in response.body.get("results", [{"status": response.status} | response.body]):
            if 400 <= answer["status"] < 500:
                self._refusals.record(EventRefusal.of(source_name, answer["status"], answer["error"]))

    def recorded_as(self, source_name: str) -> str:
        """The name by which the ledger knows the events of this connector or source."""
        return self._settings.source_of(source_name).recorded_as

    def receive_results(self, source_name: str, results: Sequence[Mapping[str, Any]]) -> EventResponse:
        """Call results of a connector, already authentic: each in a transaction of its own, one answer for all.

        A source of this name in plugin.toml gives the namespace; without one it is the name itself.
        """
        source = self._settings.source_of(source_name)

        def taking(result: Mapping[str, Any]) -> Callable[[], EventResponse]:
            return lambda: self._take(parse(source, as_body(result), self._now()))

        return combined([respond(taking(result)) for result in results])

    # --- the operators' page ---------------------------------------------------------------------

    def receive_own(
        self,
        source: Source,
        result: Mapping[str, Any],
        accept: Accept | None = None,
        card_fields: Mapping[str, str | bool] = _NOTHING,
    ) -> EventResponse:
        """A call result of the operators' page; a final one counts even where nothing was answered.

        ``accept`` is asked about a new one before anything is stored; where it declines, DecisionChanged is raised and
        nothing is. ``card_fields``: what the page knows of the card already, by paths such as ``card.brand``.
        """
        event = parse(source, as_body(result), self._now(), from_page=True)
        return respond(lambda: self._take(event, accept, card_fields))

    def preview(
        self, source: Source, result: Mapping[str, Any], card_fields: Mapping[str, str | bool] = _NOTHING
    ) -> CallChange | None:
        """What ``receive_own`` would write now, None for nothing; stores nothing.

        Raises EventError, DecisionError, LedgerUnavailable.
        """
        event = parse(source, as_body(result), self._now(), from_page=True)
        revisions = self._revisions()
        validated = replace(self._validated(event, revisions), read_fields=card_fields)
        planned = self._planned_by_reading(event, self._with_card(validated, revisions), revisions)
        return None if isinstance(planned, IgnoredEvent) else planned

    # --- one event -------------------------------------------------------------------------------

    def _take(
        self, event: ParsedEvent, accept: Accept | None = None, card_fields: Mapping[str, str | bool] = _NOTHING
    ) -> EventResponse:
        """The rest of the checks: 409 or 200 for a repeat, then 422, then 503, whichever is met first."""
        revisions = self._revisions()
        try:
            result = replace(self._validated(event, revisions), read_fields=card_fields)
        except EventError:
            if (repeat := self._repeated(event)) is not None:
                return repeat
            raise
        if self._lacks_card_fields(result, revisions):
            if (repeat := self._repeated(event)) is not None:
                return repeat
            result = self._with_card(result, revisions)
        try:
            return self._commit(event, result, revisions, accept)
        except LedgerUnavailable:
            if (repeat := self._repeated(event)) is not None:
                return repeat
            self._planned_by_reading(event, result, revisions)
            raise

    def _revisions(self) -> RevisionCache:
        return RevisionCache(self._rules, crm_mails=self._settings.crm.sends_mail)

    def _validated(self, event: ParsedEvent, revisions: RevisionCache) -> CallResult:
        return validate(event, revisions.pinned(event.raw.get("ruleset")), self._settings.default_script)

    def _lacks_card_fields(self, result: CallResult, revisions: RevisionCache) -> bool:
        return self._card_fields is not None and bool(self._card_fields.lacking(result, revisions.loaded))

    def _with_card(self, result: CallResult, revisions: RevisionCache) -> CallResult:
        """The result with what the rules read of its card, as far as the CRM tells that in time."""
        return result if self._card_fields is None else self._card_fields.added(result, revisions.loaded)

    def _repeated(self, event: ParsedEvent) -> EventResponse | None:
        with self._ledger.read() as connection:
            return respond_to_repeat(connection, event)

    def _planned_by_reading(
        self, event: ParsedEvent, result: CallResult, revisions: RevisionCache
    ) -> CallChange | IgnoredEvent:
        def plan() -> CallChange | IgnoredEvent:
            with self._ledger.read() as connection:
                return self._plan(connection, event, result, revisions)

        return revisions.complete(plan)

    def _commit(
        self, event: ParsedEvent, result: CallResult, revisions: RevisionCache, accept: Accept | None = None
    ) -> EventResponse:
        def work(connection: Connection) -> EventResponse:
            repeat = respond_to_repeat(connection, event)
            return repeat or self._store(connection, event, result, revisions, accept)

        key = event.source.recorded_as, result.call_id
        for _ in range(_TRIES):
            try:
                return revisions.complete(lambda: self._written(_Write(key, work)))
            except IntegrityError:
                _LOG.info("events.stored_meanwhile", event_id=result.id, call=result.call_id)
        raise LedgerUnavailable("the ledger is too busy with this call")

    def _written(self, write: _Write) -> EventResponse:
        """What was made of an event, once that is committed."""
        if self._ledger.is_shared:
            # PostgreSQL lets transactions share an fsync by itself, and a group would hold the locks of several calls.
            with self._ledger.write() as connection:
                return write.work(connection)
        return self._writes.submit([write])[0]

    # --- in the transaction ----------------------------------------------------------------------

    def _plan(
        self, connection: Connection, event: ParsedEvent, result: CallResult, revisions: RevisionCache
    ) -> CallChange | IgnoredEvent:
        loaded = load_call_of(connection, event.source, result)
        decided = decide_event(loaded, event, result, revisions, self._settings)
        return decided if isinstance(decided, IgnoredEvent) else plan_change(decided, self._unfinished_after)

    def _store(
        self,
        connection: Connection,
        event: ParsedEvent,
        result: CallResult,
        revisions: RevisionCache,
        accept: Accept | None,
    ) -> EventResponse:
        planned = self._plan(connection, event, result, revisions)
        warnings = event_warnings(event, result, planned.decider.sources.values())
        extra: dict[str, Any] = {"warnings": warnings} if warnings else {}
        if event.source.dry_run:
            extra["dry_run"] = True
        names = {"source": event.source.name, "event_id": result.id, "call": result.call_id}
        if isinstance(planned, IgnoredEvent):
            answer = {"ignored": "no opt-out request"} | extra
            save_event(connection, AnsweredEvent(event, result, answer))
            _note_if_refused(connection, event, result, planned)
            _LOG.info("events.ignored", **names, warnings=warnings)
            return EventResponse(200, answer)
        decision = planned.decided.decision
        if accept is not None and not accept(decision):
            raise DecisionChanged(planned)
        answer = {"event": result.id, "call": result.call_id, "decision": decision.to_json()} | extra
        saved = save_change(connection, planned, AnsweredEvent(event, result, answer))
        _log_taken(planned, names, warnings)
        if planned.call.id is None:
            return respond_new(answer, saved.added)
        return respond_taken(connection, answer, saved.call)


def _note_if_refused(connection: Connection, event: ParsedEvent, result: CallResult, ignored: IgnoredEvent) -> None:
    """A call that is not kept counts if its number was excluded; those that are kept are looked at later."""
    scope = ignored.decider.script.scope
    if ignored.call is not None or scope is None or result.phone is None or event.source.dry_run:
        return
    source = event.source
    call = ReportedCall(source.recorded_as, source.namespace, result.call_id, result.phone, result.occurred_at)
    if note_refused_call(connection, call, scope, event.received):
        _LOG.warning("suppression.called", source=source.recorded_as, call=result.call_id, scope=scope)


def _log_taken(change: CallChange, names: Mapping[str, str], warnings: Sequence[str]) -> None:
    call = change.call
    if change.decided.loaded.reuses_id:
        _LOG.info("events.call_id_reused", source=names["source"], call=call.call_id, generation=call.generation)
    _LOG.info(
        "events.taken",
        **names,
        generation=call.generation,
        outcome=change.decided.decision.outcome,
        number=call.decision_number,
        planned=len(change.plan.add),
        late=call.late,
        warnings=warnings,
    )
