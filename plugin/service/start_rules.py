"""The rules of a process that takes call results in: what its ledger says, or the first that pass every check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from plugin.authoring.revisions.copy_base import note_first, note_if_missing
from plugin.authoring.revisions.publish import checked
from plugin.authoring.revisions.status import difference_from_active
from plugin.errors import NoActiveRules
from plugin.events.mapping_check import remarks

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.config.settings import Settings

_LOG = structlog.get_logger(__name__)


def start_rules(rules: ActiveRules, settings: Settings) -> None:
    """Start an empty ledger with the folder's rules; say so where the folder has moved on from the active ones.

    Only rules that pass every check become active; those of a ledger that has some are not read for more than that.
    Raises RulesError.
    """
    try:
        active = rules.current()
    except NoActiveRules:
        first = checked(settings.rules_dir).rulebook
        if rules.activate_first(first, "serve", "первый запуск"):
            note_first(settings.rules_dir, first.revision)
        else:
            first.close()
        return
    found = difference_from_active(settings)
    if found is None:
        note_if_missing(settings.rules_dir, active.revision)
        return
    _LOG.warning(
        "rules.folder_unusable" if found.copy.faults else "rules.folder_differs",
        active=active.revision,
        active_since=found.active.at.isoformat(timespec="seconds"),
        activated_by=found.active.by,
        folder=found.copy.revision,
        folder_changed_at=found.changed_at and found.changed_at.isoformat(timespec="seconds"),
        files=list(found.changes),
        why="; ".join(str(fault) for fault in found.copy.faults) or None,
    )


def remark_on_facts(rules: ActiveRules, settings: Settings, connector: Connector) -> None:
    """Warn of what the CRM's events can bring and the active rules cannot use, or lack. Never raises."""
    try:
        mapped = connector.facts()
        scripts = {name: decider.script for name, decider in rules.current().scripts.items()}
        for remark in remarks(mapped, scripts, settings.default_script, connector.name):
            _LOG.warning("facts.not_fitting", why=remark.what, remedy=remark.remedy)
    except Exception:
        # A remark must not keep a service from starting.
        _LOG.exception("facts.fault", connector=connector.name)
