"""Status of a deployment's rules: the active revision, the working copy, and the shipped rules."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from plugin.authoring.revisions.archive import Activation, newest_activation, stored_files
from plugin.authoring.revisions.copy_base import noted_revision
from plugin.authoring.revisions.reviews import RulesReview, waiting
from plugin.authoring.revisions.shipped import ThreeWayDiff, compare_with_shipped, is_shipped, shipped_rules
from plugin.authoring.revisions.working_copy import Comparison, WorkingCopy, compare, read_working_copy
from plugin.config.settings import Settings
from plugin.errors import Fault, OptoutError, RulesError
from plugin.ledger import Ledger


@dataclass(frozen=True, slots=True)
class RulesStatus:
    """Everything ``optout rules status`` tells.

    ``active`` and ``comparison`` are None while nothing was ever active. ``active_files``: the active revision's texts,
    empty where they were not kept. ``base``: the revision that the folder says it began with. ``waiting``: revisions
    that wait for another person's word. ``faults``: what keeps the working copy from being published. ``shipped_diff``
    is None where the shipped rules themselves are used.
    """

    copy: WorkingCopy
    active: Activation | None
    comparison: Comparison | None
    active_files: Mapping[str, str]
    faults: tuple[Fault, ...]
    shipped_diff: ThreeWayDiff | None
    base: str | None = None
    waiting: tuple[RulesReview, ...] = ()


def rules_status(settings: Settings) -> RulesStatus:
    """Look at the ledger, the working copy and the shipped rules; the working copy is checked as for publishing.

    Raises LedgerUnavailable, RulesError for a damaged record of the active revision, InputError for a damaged note of
    what was shipped.
    """
    folder = settings.rules_dir
    comparison, files = _beside_active(settings)
    copy = comparison.copy if comparison else read_working_copy(folder)
    shipped_diff = None if is_shipped(folder) else compare_with_shipped(folder, copy.files, shipped_rules())
    active = comparison.active if comparison else None
    waits = _waiting(settings)
    return RulesStatus(copy, active, comparison, files, _faults(copy), shipped_diff, noted_revision(folder), waits)


def difference_from_active(settings: Settings) -> Comparison | None:
    """The working copy beside the active revision where publishing it would change what decides, else None.

    For those who only remark on it: what cannot be found out is no difference.
    """
    try:
        comparison = _beside_active(settings)[0]
    except OptoutError:
        return None
    return comparison if comparison and comparison.differs else None


def _beside_active(settings: Settings) -> tuple[Comparison | None, Mapping[str, str]]:
    with closing(Ledger(settings.ledger_url)) as ledger:
        if not ledger.exists():
            return None, {}
        with ledger.read() as connection:
            active = newest_activation(connection)
            if active is None:
                return None, {}
            return compare(connection, active, settings.rules_dir), stored_files(connection, active.revision)


def _waiting(settings: Settings) -> tuple[RulesReview, ...]:
    with closing(Ledger(settings.ledger_url)) as ledger:
        if not ledger.exists():
            return ()
        with ledger.read() as connection:
            return tuple(waiting(connection))


def _faults(copy: WorkingCopy) -> tuple[Fault, ...]:
    if copy.faults:
        return copy.faults
    from plugin.authoring.revisions.publish import checked  # noqa: PLC0415 (loads durable-rules, which remarks on a difference need not)

    try:
        checked(copy.folder).rulebook.close()
    except RulesError as error:
        return error.faults
    return ()
