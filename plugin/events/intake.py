"""Takes call results in: checked in a fixed order, decided and stored in one transaction, answered once committed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings, Source
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import EventError, InputError, LedgerUnavailable, OptoutError, RulesError
from plugin.events.apply import move_of, save_move
from plugin.events.body import digest, read_body
from plugin.events.classify import Classifier, Ignored
from plugin.events.decide_call import RevisionCache, RevisionNotLoaded
from plugin.events.preview import Accept, DecisionChanged, Preview
from plugin.events.queries import save_call, save_event, shown_deliveries
from plugin.events.request import Incoming, read_event
from plugin.events.responses import EventResponse, combined, refused, unavailable, undecided
from plugin.events.schema import CallResult, ignored_keys
from plugin.events.signature import Signatures
from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)

#: Tries of one transaction: another process may store the same event or call at the same moment.
_TRIES = 5


class Intake:
    """The way in for call results. Thread-safe. Raises ConfigError for a source whose secret cannot be used."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._signatures = Signatures(settings.sources)
        self._unfinished_after = timedelta(minutes=settings.delivery.unfinished_after_minutes)

    def receive(self, headers: Mapping[str, str], body: bytes) -> EventResponse:
        """``POST /events/call-result``: every check of contract 3.3 in its order; never raises for bad input."""

        def take() -> EventResponse:
            if len(body) > self._settings.web.max_body_bytes:
                raise EventError(413, "too_large", f"the body is over {self._settings.web.max_body_bytes} bytes")
            source, webhook_id = self._signatures.verify(headers, body)
            return self._take(source, body, webhook_id)

        return _answered(take)

    def receive_results(self, source_name: str, results: Sequence[Mapping[str, Any]]) -> EventResponse:
        """Call results of a connector, already authentic: each in a transaction of its own, one answer for all.

        A source of this name in plugin.toml gives the namespace; without one it is the name itself.
        """
        named = (source for source in self._settings.sources if source.name == source_name)
        source = next(named, Source(source_name, (), source_name))

        def taking(result: Mapping[str, Any]) -> Callable[[], EventResponse]:
            body = json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
            return lambda: self._take(source, body, None)

        return combined([_answered(taking(result)) for result in results])

    # --- the operators' page ---------------------------------------------------------------------

    def receive_own(self, source: Source, result: Mapping[str, Any], accept: Accept | None = None) -> EventResponse:
        """A call result of the operators' page; a final one counts even where nothing was answered.

        ``accept`` is asked about a new one before anything is stored; where it declines, DecidedOtherwise is raised and
        nothing is.
        """
        incoming = self._own(source, result)
        return _answered(lambda: self._take_in(incoming, accept))

    def foresee(self, source: Source, result: Mapping[str, Any]) -> Preview:
        """What ``receive_own`` would make of it now; stores nothing.

        Raises EventError, DecisionError, LedgerUnavailable.
        """
        incoming = self._own(source, result)
        at_hand = RevisionCache(self._rules.current(), crm_mails=self._settings.crm.sends_mail)
        read = read_event(incoming, self._rulebook(incoming.raw, at_hand), self._settings.default_script)
        for _ in range(_TRIES):
            try:
                with self._ledger.read() as connection:
                    judged = self._judge(incoming, read, at_hand).judge(connection)
                    if isinstance(judged, Ignored):
                        return Preview(None, None)
                    return Preview(judged.weighed, move_of(connection, judged.weighed, self._unfinished_after))
            except RevisionNotLoaded as needed:
                at_hand.add(self._rules.at(needed.revision))
        raise LedgerUnavailable("the ledger is too busy with this call")

    def _own(self, source: Source, result: Mapping[str, Any]) -> Incoming:
        body = json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
        raw = read_body(body)
        return Incoming(source, raw, digest(raw), self._now(), None, own=True)

    # --- one event -------------------------------------------------------------------------------

    def _take(self, source: Source, body: bytes, webhook_id: str | None) -> EventResponse:
        raw = read_body(body)
        return self._take_in(Incoming(source, raw, digest(raw), self._now(), webhook_id))

    def _take_in(self, incoming: Incoming, accept: Accept | None = None) -> EventResponse:
        raw = incoming.raw
        at_hand = RevisionCache(self._rules.current(), crm_mails=self._settings.crm.sends_mail)
        try:
            result = read_event(incoming, self._rulebook(raw, at_hand), self._settings.default_script)
        except EventError:
            # A repeat, or another event under a used id, is told so whatever else is wrong with it.
            with self._ledger.read() as connection:
                repeat = incoming.repeat(connection)
            if repeat is None:
                raise
            return repeat
        return self._commit(incoming, result, at_hand, accept)

    def _rulebook(self, raw: Mapping[str, Any], at_hand: RevisionCache) -> Rulebook | None:
        """The revision that the event pins or the active one; None if it pins one that does not exist."""
        pin = raw.get("ruleset")
        if not isinstance(pin, str):
            return at_hand.active
        try:
            at_hand.add(self._rules.at(pin))
        except RulesError:
            # It is there, but this version of the plugin cannot compile it: not the sender's fault.
            raise
        except InputError:
            return None
        return at_hand.at(pin)

    def _judge(self, incoming: Incoming, result: CallResult, at_hand: RevisionCache) -> Classifier:
        return Classifier(incoming.source, result, incoming.received, at_hand, self._settings, incoming.own)

    def _commit(
        self, incoming: Incoming, result: CallResult, at_hand: RevisionCache, accept: Accept | None = None
    ) -> EventResponse:
        for _ in range(_TRIES):
            try:
                with self._ledger.write() as connection:
                    answer = incoming.repeat(connection) or self._store(connection, incoming, result, at_hand, accept)
                return answer
            except RevisionNotLoaded as needed:
                at_hand.add(self._rules.at(needed.revision))
            except IntegrityError:
                _LOG.info("events.stored_meanwhile", event_id=result.id, call=result.call_id)
            except LedgerUnavailable:
                repeat = self._refusal(incoming, result, at_hand)
                if repeat is None:
                    raise
                return repeat
        raise LedgerUnavailable("the ledger is too busy with this call")

    def _store(
        self,
        connection: Connection,
        incoming: Incoming,
        result: CallResult,
        at_hand: RevisionCache,
        accept: Accept | None = None,
    ) -> EventResponse:
        judged = self._judge(incoming, result, at_hand).judge(connection)
        warnings = list(ignored_keys(incoming.raw, judged.decider.sources.values()))
        extra: dict[str, Any] = {"warnings": warnings} if warnings else {}
        if incoming.source.dry_run:
            extra["dry_run"] = True
        if isinstance(judged, Ignored):
            answer = {"ignored": "no opt-out request"} | extra
            save_event(connection, incoming.columns(result, answer))
            _LOG.info("events.ignored", **_names(incoming, result), warnings=warnings)
            return EventResponse(200, answer)
        weighed = judged.weighed
        move = move_of(connection, weighed, self._unfinished_after)
        if accept is not None and not accept(weighed.decision):
            raise DecisionChanged(Preview(weighed, move))
        answer = {"event": result.id, "call": result.call_id, "decision": weighed.decision.to_json()} | extra
        call_ref = save_call(connection, move.call)
        row = incoming.columns(result, answer) | {"call_ref": call_ref, "facts": dict(judged.said)}
        save_move(connection, weighed, move, call_ref, save_event(connection, row))
        _LOG.info(
            "events.taken",
            **_names(incoming, result),
            generation=move.call.generation,
            outcome=weighed.decision.outcome,
            number=move.call.decision_number,
            planned=len(move.plan.add),
            late=move.call.late,
            warnings=warnings,
        )
        return EventResponse(202, answer | {"deliveries": shown_deliveries(connection, call_ref)})

    def _refusal(self, incoming: Incoming, result: CallResult, at_hand: RevisionCache) -> EventResponse | None:
        """What is to be said before «cannot commit now»: a repeat is answered, a wrong event refused (EventError)."""
        with self._ledger.read() as connection:
            repeat = incoming.repeat(connection)
            if repeat is None:
                self._judge(incoming, result, at_hand).judge(connection)
            return repeat


def _answered(take: Callable[[], EventResponse]) -> EventResponse:
    try:
        return take()
    except EventError as error:
        _LOG.warning("events.refused", status=error.status, code=error.code, fields=sorted(error.fields))
        return refused(error)
    except LedgerUnavailable as error:
        _LOG.error("events.ledger_unavailable", why=error.message)
        return unavailable(error)
    except OptoutError as error:
        _LOG.error("events.undecided", code=error.code, why=str(error))
        return undecided(error)


def _names(incoming: Incoming, result: CallResult) -> dict[str, str]:
    return {"source": incoming.source.name, "event_id": result.id, "call": result.call_id}
