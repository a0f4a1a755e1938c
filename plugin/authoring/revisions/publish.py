"""Rules on their way to deciding: candidate → check_isolated → load → run_cases → activate.

What does not pass changes nothing. One change at a time, on whichever machine it is made, and each can be taken back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.authoring.merging import RulesTexts
from plugin.authoring.revisions.activate import ActivationChange, Unless, activate
from plugin.authoring.revisions.archive import (
    Activation,
    find_revision,
    newest_activation,
    revision_texts,
    stored_rulebook,
)
from plugin.authoring.revisions.candidate import (
    ChangeKind,
    RulesCandidate,
    publish_candidate,
    revert_candidate,
    rollback_candidate,
)
from plugin.authoring.revisions.copy_base import CopyBase, bring_along, copy_base
from plugin.authoring.revisions.reviews import approvers, submit, waiting
from plugin.authoring.revisions.working_copy import read_working_copy
from plugin.authoring.verification import CheckReport
from plugin.authoring.verification.cases import CaseResult, run_cases
from plugin.authoring.verification.check_folder import faults_beside
from plugin.authoring.verification.isolated import check_isolated
from plugin.common.clock import Now, utc_now
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.schema import CASES_FILE
from plugin.errors import ApprovalNeeded, Fault, InputError, RulesError, RulesMovedOn
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable

_CASE_HINT = "исправьте правила или то, чего ждёт случай"
#: So often rules are merged again where others publish at the same moment.
_TRIES = 8


@dataclass(frozen=True, slots=True)
class CheckedRules:
    """Rules that may go live. ``cases``: how many of the admin's cases they passed. The caller closes ``rulebook``."""

    rulebook: Rulebook
    report: CheckReport
    cases: int


@dataclass(frozen=True, slots=True)
class ReadyRules:
    """A candidate that passed every check. ``folder``: the working copy it comes from, ``own`` its texts."""

    candidate: RulesCandidate
    checked: CheckedRules
    folder: Path | None = None
    own: RulesTexts | None = None

    @property
    def revision(self) -> str:
        """The revision that would become active."""
        return self.checked.rulebook.revision


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of a wish to publish. ``change`` None: only tried.

    ``left_behind``: why the working copy could not be brought to what was published, in Russian; None where it was, or
    there is none.
    """

    revision: str
    report: CheckReport
    cases: int
    change: ActivationChange | None
    candidate: RulesCandidate
    left_behind: str | None = None


# --- getting ready ---------------------------------------------------------------------------------


@contextmanager
def ready_folder(ledger: Ledger, folder: Path, *, keep_over: str = "") -> Iterator[ReadyRules]:
    """A folder's rules, merged over the active ones and checked, for the length of the block; makes no ledger.

    Raises RulesError with every fault found, RulesConflict with both values of the fields that both changed.
    """
    copy = read_working_copy(folder)
    if copy.content is None:
        # Told with everything else that is wrong.
        checked(folder).rulebook.close()
        raise RulesError(copy.faults)
    if ledger.exists():
        with ledger.read() as connection:
            candidate = publish_candidate(connection, copy.files, copy_base(connection, folder), keep_over=keep_over)
    else:
        candidate = publish_candidate(None, copy.files, copy_base(None, folder))
    passed = checked(folder) if candidate.files == copy.files else _merged_checked(candidate, folder)
    with closing(passed.rulebook):
        _refuse(_untried(candidate, passed.rulebook))
        yield ReadyRules(candidate, passed, folder, copy.files)


def _untried(candidate: RulesCandidate, rulebook: Rulebook) -> Iterator[Fault]:
    """New scripts of which no case says what is to come of them."""
    for name in candidate.new_scripts:
        file = f"{name}/{CASES_FILE}"
        if name in rulebook.scripts and file not in rulebook.content:
            what = "скрипт новый, а случаев нет: не сказано, чего от него ждать"
            yield Fault(file, 0, f"скрипт «{name}»", what, "опишите в этом файле хотя бы один [[case]]")


def _merged_checked(candidate: RulesCandidate, folder: Path) -> CheckedRules:
    """The merged rules, checked; what is wrong with them has lines that the folder does not have yet."""
    try:
        return check_texts(candidate.files, beside=folder)
    except RulesError as error:
        over = candidate.over.revision if candidate.over else ""
        what = f"ошибки выше — в правилах, объединённых с редакцией {over}"
        hint = "объедините их и в папке: optout rules merge, и исправьте там"
        raise RulesError([*error.faults, Fault(str(folder), 0, "объединение", what, hint)]) from error


@contextmanager
def ready_texts(ledger: Ledger, files: RulesTexts, base: str | None, *, keep_over: str = "") -> Iterator[ReadyRules]:
    """The same for a draft's texts that began with revision ``base``."""
    with ledger.read() as connection:
        from_ = CopyBase(base, None if base is None else revision_texts(connection, base))
        candidate = publish_candidate(connection, files, from_, keep_over=keep_over)
    with ready_candidate(candidate) as ready:
        yield ready


@contextmanager
def ready_rollback(ledger: Ledger, name: str | None, *, people_too: bool = False) -> Iterator[ReadyRules]:
    """A revision to go back to, as ``rollback_candidate`` makes it. Raises as that does.

    It was checked when it was published: it is again only where it gets other people, RulesError then.
    """
    ledger.make_ready()
    with ledger.read() as connection:
        candidate = rollback_candidate(connection, name, people_too=people_too)
        is_itself = not candidate.people and candidate.base is not None
        rulebook = stored_rulebook(connection, str(candidate.base), with_files=True) if is_itself else None
    # With other people it is checked again; its cases, which may name the former ones, do not keep it from deciding.
    unchecked = CheckedRules(rulebook, CheckReport(), 0) if rulebook else None
    passed = unchecked or check_texts(candidate.files, cases=False)
    with closing(passed.rulebook):
        yield ReadyRules(candidate, passed)


@contextmanager
def ready_revert(ledger: Ledger, name: str) -> Iterator[ReadyRules]:
    """The active rules without one publication, as ``revert_candidate`` makes them, checked. Raises as that does."""
    ledger.make_ready()
    with ledger.read() as connection:
        candidate = revert_candidate(connection, name)
    with ready_candidate(candidate) as ready:
        yield ready


@contextmanager
def ready_submitted(ledger: Ledger, name: str) -> Iterator[ReadyRules]:
    """A revision that waits for approval, checked, over the rules that it was submitted over.

    Raises InputError where none of that name waits: others were published since, or it was never submitted.
    """
    with ledger.read() as connection:
        revision = find_revision(connection, name)
        if all(one.revision != revision for one in waiting(connection)):
            hint = "Что ждёт, печатает optout rules approve; после чужой публикации автор публикует заново"
            raise InputError(f"Редакция {revision} согласия не ждёт", hint=hint)
        files = revision_texts(connection, revision)
        active = newest_activation(connection)
        # Its author's publishing has merged it over what is active.
        texts = None if active is None else revision_texts(connection, active.revision)
        candidate = publish_candidate(connection, files, CopyBase(active.revision if active else None, texts))
    with ready_candidate(candidate) as ready:
        yield ready


@contextmanager
def ready_candidate(candidate: RulesCandidate) -> Iterator[ReadyRules]:
    """Check a candidate and run its cases. Raises RulesError with every fault found."""
    passed = check_texts(candidate.files)
    with closing(passed.rulebook):
        _refuse(_untried(candidate, passed.rulebook))
        yield ReadyRules(candidate, passed)


def check_texts(files: RulesTexts, beside: Path | None = None, *, cases: bool = True) -> CheckedRules:
    """Check the rules of these texts as a folder's; ``beside``: the folder whose copies and backups are told."""
    with tempfile.TemporaryDirectory(prefix="optout-rules-") as name:
        folder = Path(name)
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        passed = checked(folder, cases=cases)
    told = () if beside is None else tuple(faults_beside(beside))
    return replace(passed, report=replace(passed.report, warnings=(*told, *passed.report.warnings)))


def checked(folder: Path, *, cases: bool = True) -> CheckedRules:
    """Check the folder as ``optout rules check`` does and run its ``cases``. Raises RulesError with every fault found.

    The rules are compiled and proven in another process first, so that none can hang or end this one.
    Raises InputError where the folder was written to in the meantime.
    """
    report, revision = check_isolated(folder)
    _refuse(report.faults)
    rulebook = load(folder, revision)
    try:
        results = run_cases(rulebook) if cases else []
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


# --- going live ------------------------------------------------------------------------------------


def publish(
    ledger: Ledger, folder: Path, by: str, reason: str, *, now: Now = utc_now, approvals: int = 0, keep_over: str = ""
) -> Publication:
    """Merge the folder's rules over the active ones, check them and make them active; nothing is done where they are.

    Where there is no ledger yet, one is made for rules that pass. Running processes follow within 2 s. Nothing is shown
    before: who has somebody to show it to uses ``ready_folder`` and ``make_active``. A folder that does not say what
    it began with goes live whole.
    Raises RulesError with every fault, RulesConflict, ApprovalNeeded, InputError for a blank name or reason,
    LedgerUnavailable; what is active stays active then.
    """
    actor = Actor.signed(by, reason)
    for _ in range(_TRIES - 1):
        try:
            with ready_folder(ledger, folder, keep_over=keep_over) as ready:
                return make_active(ledger, ready, actor, now=now, approvals=approvals)
        except RulesMovedOn:
            continue
    with ready_folder(ledger, folder, keep_over=keep_over) as ready:
        return make_active(ledger, ready, actor, now=now, approvals=approvals)


def make_active(
    ledger: Ledger,
    ready: ReadyRules,
    actor: Actor,
    *,
    now: Now = utc_now,
    approvals: int = 0,
    emergency: bool = False,
) -> Publication:
    """Make a candidate that passed every check the active revision, and bring its working copy along.

    ``approvals``: so many other people have to agree first; a rollback needs nobody, an ``emergency`` neither, and the
    admins are told of it. Raises ApprovalNeeded, after which the rules wait in the ledger for ``approve``; RulesMovedOn
    where somebody else changed the active rules since the candidate was made.
    """
    candidate, rulebook = ready.candidate, ready.checked.rulebook
    ledger.make_ready()
    agreed: tuple[str, ...] = ()
    if candidate.kind is not ChangeKind.ROLLBACK and not _is_active(ledger, ready):
        agreed = _agreed(ledger, ready, actor, now, 0 if emergency else approvals)
    kind = ChangeKind.EMERGENCY if emergency else candidate.kind
    change = activate(
        ledger,
        rulebook,
        at=now(),
        by=actor.by,
        reason=actor.why,
        kind=kind,
        approved_by=agreed,
        unless=_not_over(candidate, rulebook.revision),
    )
    if change.made is None and (change.previous is None or change.previous.revision != rulebook.revision):
        who = change.previous.by if change.previous else ""
        raise RulesMovedOn(f"Пока правила проверялись, активные правила изменились ({who})", hint="Повторите команду")
    left = None
    if ready.folder is not None and ready.own is not None:
        left = bring_along(ready.folder, ready.own, candidate.files, rulebook.revision)
    report, cases = ready.checked.report, ready.checked.cases
    return Publication(rulebook.revision, report, cases, change, candidate, left)


def _is_active(ledger: Ledger, ready: ReadyRules) -> bool:
    over = ready.candidate.over
    return over is not None and over.revision == ready.revision


def _agreed(ledger: Ledger, ready: ReadyRules, actor: Actor, now: Now, wanted: int) -> tuple[str, ...]:
    """Who agreed. Raises ApprovalNeeded where they are too few; the rules are kept for them then."""
    over = ready.candidate.over
    with ledger.read() as connection:
        found = approvers(connection, ready.revision, over.id if over else None, actor.by)
    if len(found) >= wanted:
        return found
    submit(ledger, ready.checked.rulebook, actor, now(), over=over.id if over else None)
    raise ApprovalNeeded(
        f"Редакция {ready.revision} ждёт согласия другого человека",
        ready.revision,
        hint=f"Согласовать: optout rules approve {ready.revision} --by ИМЯ --reason ПРИЧИНА",
    )


def _not_over(candidate: RulesCandidate, revision: str) -> Unless:
    """That the rules are active already, or that others are active than the candidate was merged over."""
    over = candidate.over.id if candidate.over else None

    def unless(active: Activation | None) -> bool:
        return (active.id if active else None) != over or (active is not None and active.revision == revision)

    return unless


def _refuse(faults: Iterable[Fault]) -> None:
    if found := list(faults):
        raise RulesError(found)


def _fault(result: CaseResult) -> Fault:
    case = result.case
    return Fault(case.file, case.line, f"случай «{case.name}»", "; ".join(result.differences), _CASE_HINT)
