"""All that the operator's page asks for: a call opened, its next question, its trail saved, its end confirmed.

The page walks through the conversation by itself; what it ends in is decided here again, and that decision counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings, Source
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, EventError, InputError, LedgerUnavailable, OptoutError, RulesError
from plugin.events.facts import mapped_fields
from plugin.events.intake import DecisionChanged, Intake
from plugin.events.respond import find_event
from plugin.ledger import Ledger
from plugin.operator_page.answer_hints import wanted_words
from plugin.operator_page.call import PageCall, of_about
from plugin.operator_page.confirmation import Confirmation, own_event
from plugin.operator_page.endings import unfinished_node
from plugin.operator_page.journal import JournalEntry, answers, last_moment
from plugin.operator_page.journal_store import (
    Journal,
    begin_trail,
    is_decided,
    newest_of,
    note_reported,
    save_trail,
    trail_of,
)
from plugin.operator_page.preview import foresight
from plugin.operator_page.progress import delivered
from plugin.operator_page.tree import PageTree, PageTrees, grow, told_by_call

_LOG = structlog.get_logger(__name__)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A call on a page. ``trail`` None: nothing has happened yet."""

    call: PageCall
    script: str
    title: str
    revision: str
    promise_hours: int
    tree: PageTree
    unfinished: Mapping[str, Any]
    context: Mapping[str, str | None]
    roles: Mapping[str, Mapping[str, Any]]
    trail: Journal | None


class PageSessions:
    """The operators' side of one deployment. Thread-safe; every method may raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, intake: Intake, settings: Settings, now: Now) -> None:
        self._ledger = ledger
        self._rules = rules
        self._intake = intake
        self._settings = settings
        self._now = now
        self._trees = PageTrees()
        name = settings.page.source
        named = (source for source in settings.sources if source.name == name)
        self._source = next(named, Source(name, (), name))

    @property
    def _namespace(self) -> str:
        return self._source.namespace

    def now(self) -> str:
        """The time that pages go by, whatever the clock of their machine says."""
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds")

    # --- opening ---------------------------------------------------------------------------------

    def begin(self, call: PageCall) -> None:
        """A call that only the page knows of: it exists from now on."""
        book = self._rules.current()
        script = self._script_name(book, call.script)
        with self._ledger.write() as connection:
            begin_trail(connection, self._namespace, call, script, book.revision, self._now())

    def trail(self, call: PageCall) -> Journal | None:
        """The call's trail as it stands."""
        with self._ledger.read() as connection:
            return trail_of(connection, self._namespace, call, self._now())

    def begun(self, call_id: str, operator: str) -> PageCall | None:
        """The call that a trail keeps under this id; None where there is none."""
        with self._ledger.read() as connection:
            trail = newest_of(connection, self._namespace, call_id)
        if trail is None or trail.about is None:
            return None
        return of_about(call_id, trail.about, operator, trail.script)

    def open(self, call: PageCall, begun_with: str | None = None) -> OpenedPage:
        """The call with its conversation: by the revision that it was begun with, else by the active one.

        ``begun_with`` is what the browser knows of a call whose trail could not be saved yet.
        """
        with self._ledger.read() as connection:
            trail = trail_of(connection, self._namespace, call, self._now())
        pin = trail.revision if trail else begun_with
        book = self._book(pin) if pin else None
        if book is None or (trail and trail.script not in book.scripts):
            book = self._rules.current()
        name = trail.script if trail and trail.script in book.scripts else self._script_name(book, call.script)
        decider = book.script(name)
        brought = self._brought(decider, call)
        roles = {**book.roles, **self._rules.current().roles}
        return OpenedPage(
            call=call,
            script=name,
            title=decider.title,
            revision=book.revision,
            promise_hours=decider.promise_hours,
            tree=self._trees.of(decider, brought),
            unfinished=unfinished_node(decider),
            context={**call.context(), **told_by_call(decider, brought)},
            roles={
                role.name: {"to": role.label, "address": role.address if role.email else None}
                for role in roles.values()
            },
            trail=trail,
        )

    def next(self, call: PageCall, script: str, revision: str, facts: Mapping[str, Any]) -> PageTree:
        """The conversation from these answers on. Raises EventError 422, in Russian, where one does not fit."""
        book = self._pinned(script, revision)
        decider = book.script(script)
        try:
            typed = decider.type_facts(facts)
            return grow(decider, {**typed, **self._brought(decider, call)})
        except BadFacts as error:
            fields = {wrong.field: [wanted_words(decider.script, wrong.field)] for wrong in error.errors}
            raise EventError(422, "bad_answer", "the answer does not fit the question", fields=fields) from error

    # --- the trail -------------------------------------------------------------------------------

    def save(self, call: PageCall, script: str, saving: JournalEntry) -> tuple[Journal, bool]:
        """Keep the trail; report what was answered so far, so that a call that is never finished is not forgotten.

        The trail as it stands now, and whether this saving is in it; see ``keeping.save_trail``.
        """
        for _ in range(_TRIES):
            try:
                with self._ledger.write() as connection:
                    trail, taken = save_trail(connection, self._namespace, call, script, saving, self._now())
                break
            except IntegrityError:
                continue
        else:
            raise LedgerUnavailable("the trail is being begun by several windows at once")
        if taken and trail.seq == saving.seq and trail.state != "confirmed":
            self._report(call, trail, saving)
        return trail, taken

    def _report(self, call: PageCall, trail: Journal, saving: JournalEntry) -> None:
        """Facts that do not end the conversation yet become a call result that waits for its end."""
        now_true = self._open_part(call, trail, answers(saving.entries))
        if now_true is None:
            return
        before = trail.reported or {"facts": {}, "note": ""}
        facts: dict[str, FactValue | None] = {**now_true, **dict.fromkeys(before["facts"].keys() - now_true.keys())}
        reported = {"facts": facts, "note": saving.note}
        at = last_moment(saving.entries)
        if at is None or not facts or reported == before:
            return
        with self._ledger.read() as connection:
            if is_decided(connection, self._namespace, call.id):
                return
        key = f"{call.id}\0{trail.generation}\0{saving.tab}\0{saving.seq}"
        event = own_event(
            f"trail-{sha256(key.encode()).hexdigest()[:32]}",
            min(at, self._now()).isoformat(),
            call,
            trail.script,
            trail.revision,
            facts=facts,
            note=saving.note,
            final=False,
        )
        answer = self._intake.receive_own(self._source, event)
        if answer.status not in (200, 202):
            _LOG.warning("operator.progress_not_reported", status=answer.status)
            return
        with self._ledger.write() as connection:
            note_reported(connection, trail, reported)

    def _open_part(self, call: PageCall, trail: Journal, given: Mapping[str, FactValue]) -> dict[str, FactValue] | None:
        """The answers without the last ones that would end the conversation: an end is reported once confirmed.

        None where the rules do not take them.
        """
        left = dict(given)
        try:
            book = self._pinned(trail.script, trail.revision)
            decider = book.script(trail.script)
            brought = self._brought(decider, call)
            while left and decider.decide({**decider.type_facts(left), **brought}).complete:
                left.popitem()
        except OptoutError as error:
            _LOG.warning("operator.progress_not_decided", code=error.code)
            return None
        return left

    # --- the end ---------------------------------------------------------------------------------

    def foresee(self, call: PageCall, script: str, confirming: Confirmation) -> dict[str, Any]:
        """What confirming would write now (``foresight``). Raises EventError, DecisionError."""
        change = self._intake.preview(self._source, confirming.event(call, script))
        return foresight(change, self._rules.current().roles)

    def confirm(self, call: PageCall, script: str, confirming: Confirmation) -> tuple[int, dict[str, Any]]:
        """Take the end in: status and body of the answer.

        409 ``decided_otherwise`` with what would be written instead where that is not what the operator was shown:
        nothing is stored then, and it is to be confirmed again.
        """
        event = confirming.event(call, script)
        try:
            answer = self._intake.receive_own(self._source, event, confirming.is_shown)
        except DecisionChanged as other:
            error = {"code": "decided_otherwise", "message": "the decision is not the one that was confirmed"}
            return 409, {"error": error, "foresight": foresight(other.change, self._rules.current().roles)}
        return answer.status, answer.body

    def progress(self, call: PageCall, event_id: str) -> dict[str, Any] | None:
        """How far it has got (``delivered``); None for an event that is not this call's."""
        with self._ledger.read() as connection:
            event = find_event(connection, self._source.recorded_as, event_id)
            if event is None or event.call is None or event.answer.get("call") != call.id:
                return None
            return delivered(connection, event.call, self._rules.current().roles, self._settings, self._now())

    # --- rules -----------------------------------------------------------------------------------

    def _script_name(self, book: Rulebook, wanted: str | None) -> str:
        return wanted if wanted in book.scripts else self._settings.default_script

    def _book(self, revision: str) -> Rulebook | None:
        try:
            return self._rules.at(revision)
        except (InputError, RulesError):
            return None

    def _pinned(self, script: str, revision: str) -> Rulebook:
        """The revision that has this script; whoever decides by it holds it meanwhile."""
        book = self._book(revision)
        if book is None or script not in book.scripts:
            raise EventError(422, "bad_page_request", "the page's revision of the rules is not known here")
        return book

    def _brought(self, decider: Decider, call: PageCall) -> dict[str, FactValue]:
        """What the call brings along, as far as it fits; what does not is told when the call is reported."""
        heard: dict[str, FactValue] = {}
        for name, value in mapped_fields(decider, call.brought()).items():
            try:
                heard |= decider.type_facts({name: value})
            except BadFacts:
                _LOG.warning("operator.field_unusable", fact=name)
        return heard
