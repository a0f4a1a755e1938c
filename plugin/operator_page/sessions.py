"""What the operator's page asks for: a call opened, its next question, its journal saved, its end confirmed.

The page walks through the conversation by itself; its end is decided here again, and that decision counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from hashlib import sha256
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings, Source
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.model import OutcomeSpec
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts, DecisionError, EventError, InputError, LedgerUnavailable, OptoutError, RulesError
from plugin.events.card_fields import facts_of_card
from plugin.events.facts import mapped_fields
from plugin.events.intake import DecisionChanged, Intake
from plugin.events.respond import find_event
from plugin.ledger import Ledger
from plugin.operator_page.answer_hints import wanted_words
from plugin.operator_page.call import PageCall, as_kept, call_of_about
from plugin.operator_page.confirmation import Confirmation, own_event
from plugin.operator_page.endings import unfinished_node
from plugin.operator_page.handing_over import handed_over, open_part
from plugin.operator_page.journal import JournalSave, current_answers, last_moment
from plugin.operator_page.journal_store import (
    Journal,
    begin_journal,
    is_decided,
    journal_of,
    newest_journal,
    note_end,
    note_reported,
    save_journal,
)
from plugin.operator_page.preview import preview_json
from plugin.operator_page.progress import delivery_progress
from plugin.operator_page.recent_calls import RecentCall, recent_calls
from plugin.operator_page.requirements import refuse_impossible_names, refuse_without_number
from plugin.operator_page.tree import PageTree, PageTrees, call_fact_words, grow

_LOG = structlog.get_logger(__name__)
_TRIES = 3
_SEARCHED_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A call on a page. ``journal`` None: nothing has happened yet."""

    call: PageCall
    script: str
    title: str
    revision: str
    promise_hours: int
    tree: PageTree
    unfinished: Mapping[str, Any]
    context: Mapping[str, str | None]
    roles: Mapping[str, Mapping[str, Any]]
    journal: Journal | None


class PageSessions:
    """The calls on the pages of one deployment. Thread-safe; every method may raise LedgerUnavailable."""

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
    def namespace(self) -> str:
        """The namespace of the calls that the page reports."""
        return self._source.namespace

    @property
    def outcomes(self) -> Mapping[str, Mapping[str, OutcomeSpec]]:
        """The outcomes of each script of the active rules."""
        book = self._rules.current()
        return {name: book.script(name).script.outcomes for name in book.scripts}

    def scope_of(self, script: str | None) -> str | None:
        """What a number must not be excluded from if it is called by this script, None: the default one."""
        scripts = self._rules.current().scripts
        decider = scripts.get(script or self._settings.default_script)
        return decider.script.scope if decider else None

    @property
    def scripts(self) -> Mapping[str, str]:
        """The titles of the active rules' scripts, the default one first."""
        book, default = self._rules.current(), self._settings.default_script
        return {
            name: book.script(name).title for name in sorted(book.scripts, key=lambda name: (name != default, name))
        }

    def recent(self, operator: str | None, search: str) -> list[RecentCall]:
        """Today's calls of an operator, or of all; with ``search``, a number or a part of it, those of 30 days."""
        now = self._now().astimezone(self._settings.timezone)
        since = now - _SEARCHED_BACK if search else now.replace(hour=0, minute=0, second=0, microsecond=0)
        with self._ledger.read() as connection:
            return recent_calls(
                connection, self.namespace, self.outcomes, operator=operator, since=since, search=search
            )

    def context(self, call: PageCall, script: str, revision: str) -> dict[str, str | None]:
        """Values for the gaps of texts, as ``OpenedPage.context``. Raises EventError 422 for unknown rules."""
        book = self._pinned(script, revision)
        return self._context(book.script(script), call)

    def _context(self, decider: Decider, call: PageCall) -> dict[str, str | None]:
        return {**call.context(), **call_fact_words(decider, self._call_facts(decider, call))}

    def tells_the_same(self, one: PageCall, other: PageCall, script: str, revision: str) -> bool:
        """Whether both bring the same facts along, so that the conversation on the page holds for both."""
        book = self._pinned(script, revision)
        decider = book.script(script)
        return self._call_facts(decider, one) == self._call_facts(decider, other)

    def conversation(self, call: PageCall, script: str, revision: str) -> dict[str, Any]:
        """The whole conversation of the call, for a page whose call has come to bring other facts along."""
        decider = self._pinned(script, revision).script(script)
        facts = self._call_facts(decider, call)
        return {"tree": self._trees.of(decider, facts).to_json(), "unfinished": unfinished_node(decider, facts)}

    def now(self) -> str:
        """The server's time, which pages follow instead of their machine's clock."""
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds")

    # --- opening ---------------------------------------------------------------------------------

    def begin(self, call: PageCall) -> None:
        """Begin a call that no CRM told of: an empty journal makes it known."""
        book = self._rules.current()
        script = self._script_name(book, call.script)
        with self._ledger.write() as connection:
            begin_journal(connection, self.namespace, call, script, book.revision, self._now())

    def journal(self, call: PageCall) -> Journal | None:
        """The call's present journal."""
        with self._ledger.read() as connection:
            return journal_of(connection, self.namespace, call, self._now())

    def begun(self, call_id: str, operator: str) -> PageCall | None:
        """The call that a journal holds under this id; None where there is none."""
        with self._ledger.read() as connection:
            journal = newest_journal(connection, self.namespace, call_id)
        if journal is None or journal.about is None:
            return None
        return call_of_about(call_id, journal.about, operator, journal.script)

    def open(self, call: PageCall, begun_with: str | None = None) -> OpenedPage:
        """The call with its conversation: by the revision that it was begun with, else by the active one.

        ``begun_with`` is the revision that the browser knows of a call whose journal could not be saved yet.
        """
        with self._ledger.read() as connection:
            journal = journal_of(connection, self.namespace, call, self._now())
        call = as_kept(call, journal.about if journal else None)
        pin = journal.revision if journal else begun_with
        book = self._book(pin) if pin else None
        if book is None or (journal and journal.script not in book.scripts):
            book = self._rules.current()
        name = journal.script if journal and journal.script in book.scripts else self._script_name(book, call.script)
        decider = book.script(name)
        call_facts = self._call_facts(decider, call)
        roles = {**book.roles, **self._rules.current().roles}
        return OpenedPage(
            call=call,
            script=name,
            title=decider.title,
            revision=book.revision,
            promise_hours=decider.promise_hours,
            tree=self._trees.of(decider, call_facts),
            unfinished=unfinished_node(decider, call_facts),
            context=self._context(decider, call),
            roles={
                role.name: {"to": role.label, "address": role.address if role.email else None}
                for role in roles.values()
            },
            journal=journal,
        )

    def next(self, call: PageCall, script: str, revision: str, facts: Mapping[str, Any]) -> PageTree:
        """The conversation from these answers on. Raises EventError 422, in Russian, where one does not fit."""
        book = self._pinned(script, revision)
        decider = book.script(script)
        refuse_impossible_names(decider.script, facts)
        try:
            typed = decider.type_facts(facts)
            skipped = {name: SKIPPED for name in decider.script.optional_facts if name in facts and name not in typed}
            return grow(decider, {**typed, **skipped, **self._call_facts(decider, call)})
        except BadFacts as error:
            fields = {wrong.field: [wanted_words(decider.script, wrong.field)] for wrong in error.errors}
            raise EventError(422, "bad_answer", "the answer does not fit the question", fields=fields) from error

    # --- the journal -------------------------------------------------------------------------------

    def save(self, call: PageCall, script: str, save: JournalSave) -> tuple[Journal, bool]:
        """Save the journal and report the answers so far, so that a call that is never finished is not forgotten.

        Returns the journal afterwards, and whether this save is in it; see ``journal_store.save_journal``.
        """
        for _ in range(_TRIES):
            try:
                with self._ledger.write() as connection:
                    journal, taken = save_journal(connection, self.namespace, call, script, save, self._now())
                break
            except IntegrityError:
                continue
        else:
            raise LedgerUnavailable("the trail is being begun by several windows at once")
        if taken and journal.seq == save.seq and journal.state != "confirmed":
            self._report(call, journal, save)
        return journal, taken

    def _report(self, call: PageCall, journal: Journal, save: JournalSave) -> None:
        """Report the answers that do not end the conversation yet as a call result that is not final."""
        now_true = self._open_part(call, journal, current_answers(save.entries))
        if now_true is None:
            return
        before = journal.reported or {"facts": {}, "note": ""}
        facts: dict[str, FactValue | None] = {**now_true, **dict.fromkeys(before["facts"].keys() - now_true.keys())}
        reported = {"facts": facts, "note": save.note}
        at = last_moment(save.entries)
        if at is None or not facts or reported == before:
            return
        with self._ledger.read() as connection:
            if is_decided(connection, self.namespace, call.id):
                return
        key = f"{call.id}\0{journal.generation}\0{save.tab}\0{save.seq}"
        event = own_event(
            f"trail-{sha256(key.encode()).hexdigest()[:32]}",
            min(at, self._now()).isoformat(),
            call,
            journal.script,
            journal.revision,
            facts=facts,
            note=save.note,
            final=False,
        )
        answer = self._intake.receive_own(self._source, event, card_fields=call.read_fields())
        if answer.status not in (200, 202):
            _LOG.warning("operator.progress_not_reported", status=answer.status)
            return
        with self._ledger.write() as connection:
            note_reported(connection, journal, reported)

    def _open_part(
        self, call: PageCall, journal: Journal, given: Mapping[str, FactValue]
    ) -> dict[str, FactValue] | None:
        """The answers without the last ones that would end the conversation: an end is reported once confirmed.

        None where the rules do not take them.
        """
        try:
            book = self._pinned(journal.script, journal.revision)
            decider = book.script(journal.script)
            return open_part(decider, self._call_facts(decider, call), given)
        except OptoutError as error:
            _LOG.warning("operator.progress_not_decided", code=error.code)
            return None

    # --- the end ---------------------------------------------------------------------------------

    def preview(self, call: PageCall, script: str, confirmation: Confirmation) -> dict[str, Any]:
        """What confirming would write now (``preview_json``). Raises EventError, DecisionError."""
        event = self._result(call, script, confirmation)
        change = self._intake.preview(self._source, event, call.read_fields())
        return preview_json(change, self._rules.current().roles)

    def confirm(self, call: PageCall, script: str, confirmation: Confirmation) -> tuple[int, dict[str, Any]]:
        """Report the confirmed end: status and body of the response.

        409 ``decided_otherwise`` with what would be written instead where the operator was shown something else:
        nothing is stored then, and the operator confirms again. 422 ``number_needed`` or ``bad_name``, in Russian,
        where the end lacks what it is about (``requirements``).
        """
        event = self._result(call, script, confirmation)
        try:
            accept = self._acceptance(call, script, confirmation)
            answer = self._intake.receive_own(self._source, event, accept, card_fields=call.read_fields())
        except DecisionChanged as other:
            error = {"code": "decided_otherwise", "message": "the decision is not the one that was confirmed"}
            return 409, {"error": error, "foresight": preview_json(other.change, self._rules.current().roles)}
        if answer.status in (200, 202):
            # It is taken in, whatever becomes of the journal.
            with suppress(LedgerUnavailable), self._ledger.write() as connection:
                note_end(connection, self.namespace, call, confirmation.end())
        return answer.status, answer.body

    def _acceptance(self, call: PageCall, script: str, confirmation: Confirmation) -> Callable[[Decision], bool]:
        """Whether a decision is the one that was confirmed. Raises EventError where it cannot be carried out."""
        book = self._book(confirmation.revision) or self._rules.current()
        rules = book.script(script).script if script in book.scripts else None

        def accept(decision: Decision) -> bool:
            if not confirmation.is_shown(decision):
                return False
            if decision.complete and rules is not None:
                refuse_impossible_names(rules, confirmation.facts)
                refuse_without_number(call, rules, decision)
            return True

        return accept

    def _result(self, call: PageCall, script: str, confirmation: Confirmation) -> dict[str, Any]:
        """The call result: the same each time the request is repeated."""
        if confirmation.outcome is None:
            book = self._pinned(script, confirmation.revision)
            decider = book.script(script)
            # Answers that do not fit are refused by name where the event is taken in.
            with suppress(BadFacts, DecisionError):
                confirmation = handed_over(decider, self._call_facts(decider, call), confirmation)
        return confirmation.event(call, script)

    def progress(self, call: PageCall, event_id: str) -> dict[str, Any] | None:
        """How far its deliveries have got (``delivery_progress``); None for an event of another call."""
        with self._ledger.read() as connection:
            event = find_event(connection, self._source.recorded_as, event_id)
            if event is None or event.call is None or event.answer.get("call") != call.id:
                return None
            return delivery_progress(connection, event.call, self._rules.current().roles, self._settings, self._now())

    # --- rules -----------------------------------------------------------------------------------

    def _script_name(self, book: Rulebook, wanted: str | None) -> str:
        return wanted if wanted in book.scripts else self._settings.default_script

    def _book(self, revision: str) -> Rulebook | None:
        try:
            return self._rules.at(revision)
        except (InputError, RulesError):
            return None

    def _pinned(self, script: str, revision: str) -> Rulebook:
        """The rules of this revision, which have this script; the caller holds them until it has decided."""
        book = self._book(revision)
        if book is None or script not in book.scripts:
            raise EventError(422, "bad_page_request", "the page's revision of the rules is not known here")
        return book

    def _call_facts(self, decider: Decider, call: PageCall) -> dict[str, FactValue]:
        """Facts mapped from the call's fields that fit; the others are warned of again when the call is reported."""
        facts: dict[str, FactValue] = {}
        for name, value in mapped_fields(decider, call.event_fields()).items():
            try:
                facts |= decider.type_facts({name: value})
            except BadFacts:
                _LOG.warning("operator.field_unusable", fact=name)
        read = facts_of_card(decider, call.read_fields())
        return {name: value for name, value in read.items() if value is not None} | facts
