"""The preview of an end before the operator confirms it: the decision's plan, exactly as it will be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.people import addressee
from plugin.events.plan_change import CallChange
from plugin.events.planned import PlannedDelivery

_MAILS = ("smtp_email", "crm_email")


def preview_json(change: CallChange | None, roles: Mapping[str, Role]) -> dict[str, Any]:
    """``{"complete", "outcome", "label", "say", "read", "about", "target", "deadline_at", "writes", "same"}``.

    One of ``writes`` is a comment, a reminder, or a reminder that is taken back (``withdrawal``): ``kind``, ``text``,
    and a reminder's ``role``, ``to`` (in words), ``subject``, ``due_at``, ``mail`` (the address that is mailed too, or
    null). ``same``: this outcome is recorded already, nothing is written again.
    """
    if change is None:
        return {"complete": False, "outcome": None, "writes": [], "same": True}
    decision = change.decided.decision
    spec = change.decider.script.outcomes[decision.outcome] if decision.outcome else None
    target = next((action.target for action in decision.actions if action.target), None)
    return {
        "complete": decision.complete,
        "outcome": decision.outcome,
        "label": decision.outcome and change.decider.outcome_label(decision.outcome),
        "say": decision.say,
        "read": spec.read if spec else None,
        "about": spec.about if spec else None,
        "actions": [action.id for action in decision.actions],
        "target": target and {"name": target.name, "phone": target.phone},
        "deadline_at": change.call.deadline_at.isoformat(),
        "late": change.call.late,
        "writes": [
            _write(row, [mail for mail in change.plan.add if mail.kind in _MAILS and _belongs(mail, row)], roles)
            for row in change.plan.add
            if row.kind not in _MAILS
        ],
        "same": change.decision is None and not change.plan.add,
    }


def person(role: str | None, roles: Mapping[str, Role]) -> dict[str, Any]:
    """Who fills a role: ``to`` in words, ``address`` where mail goes to."""
    known = addressee(roles, role or "")
    return {"to": known.label if known else role, "address": known and known.address}


def _belongs(mail: PlannedDelivery, row: PlannedDelivery) -> bool:
    return mail.role == row.role and mail.withdraws == row.withdraws


def _text(row: PlannedDelivery) -> str:
    """The text with what it is going to say of the decision that it replaces, as far as that was written."""
    if not row.corrections or row.corrects is not None:
        return row.text
    line = str(row.corrections[-1]["text"])
    text, _, mark = row.text.rpartition("\n")
    return "\n".join([text, line, mark] if row.kind == "comment" else [line, text, mark])


def _write(row: PlannedDelivery, mails: list[PlannedDelivery], roles: Mapping[str, Role]) -> dict[str, Any]:
    written: dict[str, Any] = {"kind": row.kind, "text": _text(row), "fallback": row.fallback_text}
    if row.role is None:
        return written
    who = person(row.role, roles)
    subject = row.subject or next((mail.subject for mail in mails), None)
    written |= {"role": row.role, "to": who["to"], "subject": subject, "mail": who["address"] if mails else None}
    return written | {"due_at": row.due_at and row.due_at.isoformat()}
