"""A rules folder on its way to deciding: check_isolated → load → run_cases → activate.

What does not pass changes nothing. One change at a time, on whichever machine it is made, and each can be taken back.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.authoring.revisions.activate import ActivationChange, Unless, activate
from plugin.authoring.revisions.archive import Activation, activation_history, find_revision, stored_rulebook
from plugin.authoring.verification.cases import CaseResult, run_cases
from plugin.authoring.verification.isolated import check_isolated
from plugin.common.clock import Now, utc_now
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import Fault, InputError, RulesError
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin.authoring.verification import CheckReport

_CASE_HINT = "исправьте правила или то, чего ждёт случай"


@dataclass(frozen=True, slots=True)
class CheckedRules:
    """Rules that may go live. ``cases``: how many of the admin's cases they passed. The caller closes ``rulebook``."""

    rulebook: Rulebook
    report: CheckReport
    cases: int


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of a wish to publish. ``change`` None: only tried."""

    revision: str
    report: CheckReport
    cases: int
    change: ActivationChange | None


def publish(ledger: Ledger, folder: Path, by: str, reason: str, *, now: Now = utc_now) -> Publication:
    """Check the folder's rules and make them the active ones; nothing is done where they are already.

    Where there is no ledger yet, one is made for rules that pass. Running processes follow within 2 s.
    Raises RulesError with every fault, InputError for a blank name or reason, LedgerUnavailable; what is active stays
    active then.
    """
    actor = Actor.signed(by, reason)
    passed = checked(folder)
    with closing(passed.rulebook) as rulebook:
        ledger.make_ready()
        unless = _is(rulebook.revision)
        change = activate(ledger, rulebook, at=now(), by=actor.by, reason=actor.why, unless=unless)
    return Publication(rulebook.revision, passed.report, passed.cases, change)


def try_out(folder: Path) -> Publication:
    """All of ``publish`` but its effect. Raises RulesError."""
    passed = checked(folder)
    passed.rulebook.close()
    return Publication(passed.rulebook.revision, passed.report, passed.cases, None)


def checked(folder: Path) -> CheckedRules:
    """Check the folder as ``optout rules check`` does and run its cases. Raises RulesError with every fault found.

    The rules are compiled and proven in another process first, so that none can hang or end this one.
    Raises InputError where the folder was written to in the meantime.
    """
    report, revision = check_isolated(folder)
    _refuse(report.faults)
    rulebook = load(folder, revision)
    try:
        results = run_cases(rulebook)
        _refuse(_fault(result) for result in results if not result.ok)
    except RulesError:
        rulebook.close()
        raise
    return CheckedRules(rulebook, report, len(results))


def load(folder: Path, revision: str | None) -> Rulebook:
    """Compile the folder's rules, which were checked as this revision. Raises InputError where they are another one."""
    rulebook = Rulebook.load(folder)
    if rulebook.revision != revision:
        rulebook.close()
        raise InputError(f"Правила в {folder} изменились, пока проверялись", hint="Повторите команду")
    return rulebook


def roll_back(ledger: Ledger, revision: str | None, by: str, reason: str, *, now: Now = utc_now) -> ActivationChange:
    """Make a stored revision active again; None: the one that was active before the present one.

    A change like any other: rolling back once more undoes it. Raises InputError for a blank name or reason, an unknown
    or ambiguous revision, or where there is none before; RulesError for one that cannot be compiled any more.
    """
    actor = Actor.signed(by, reason)
    ledger.make_ready()
    with ledger.read() as connection:
        history = activation_history(connection)
        wanted = _before(history) if revision is None else find_revision(connection, revision)
        rulebook = stored_rulebook(connection, wanted)
    with closing(rulebook):
        return activate(ledger, rulebook, at=now(), by=actor.by, reason=actor.why, unless=_is(wanted))


def _is(revision: str) -> Unless:
    return lambda active: active is not None and active.revision == revision


def _before(history: list[Activation]) -> str:
    found = next((one.revision for one in history if one.revision != history[0].revision), None)
    if found is None:
        hint = "Все редакции печатает optout rules history"
        raise InputError("До нынешней редакции активной не была ни одна другая", hint=hint)
    return found


def _refuse(faults: Iterable[Fault]) -> None:
    if found := list(faults):
        raise RulesError(found)


def _fault(result: CaseResult) -> Fault:
    case = result.case
    return Fault(case.file, case.line, f"случай «{case.name}»", "; ".join(result.differences), _CASE_HINT)
