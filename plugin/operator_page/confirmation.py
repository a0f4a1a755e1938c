"""What the page confirms: the form of its request, and the call result that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from plugin.common.fields import messages_by_field
from plugin.common.text import clean
from plugin.deciding.decision.model import Decision
from plugin.events.schema import MAX_FACTS, MAX_NOTE
from plugin.operator_page.call import PageCall
from plugin.operator_page.journal import OffsetTime, bad_page_request

_NAME = validate.Length(1, 255)


class _ShownSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    outcome = fields.String(required=True, allow_none=True)
    actions = fields.List(fields.String(), load_default=list)
    target = fields.String(load_default=None, allow_none=True)


class _ConfirmationSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True, validate=validate.Length(8, 100))
    at = OffsetTime(required=True)
    revision = fields.String(required=True, validate=validate.Length(1, 64))
    facts = fields.Dict(keys=fields.String(validate=_NAME), required=True, validate=validate.Length(0, MAX_FACTS))
    note = fields.String(load_default="", validate=validate.Length(0, MAX_NOTE))
    shown = fields.Nested(_ShownSchema, required=True)
    why = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(("by_hand", "broken_off")))
    label = fields.String(load_default=None, allow_none=True, validate=validate.Length(0, 2_000))


# Making one takes longer than using it.
_FORM = _ConfirmationSchema()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the operator saw and confirmed (``shown``), with all facts; null retracts one that was reported before.

    ``id`` is made by the browser once, so that a request repeated after a cut of the network is not another one.
    """

    id: str
    at: str
    revision: str
    facts: Mapping[str, Any]
    note: str
    outcome: str | None
    actions: tuple[str, ...]
    target: str | None
    why: str = "by_hand"
    label: str | None = None

    def event(self, call: PageCall, script: str) -> dict[str, Any]:
        """The call result as it was confirmed."""
        return own_event(self.id, self.at, call, script, self.revision, facts=self.facts, note=self.note, final=True)

    def end(self) -> dict[str, Any]:
        """The journal's entry of this end."""
        if self.outcome is None:
            return {"kind": "unfinished", "at": self.at, "event": self.id, "why": self.why}
        words = {"words": self.label} if self.label else {}
        return {"kind": "confirmed", "at": self.at, "event": self.id, "outcome": self.outcome, **words}

    def is_shown(self, decision: Decision) -> bool:
        """Whether the decision is the one that was confirmed."""
        if self.outcome is None:
            return not decision.complete
        target = next((action.target.name for action in decision.actions if action.target), None)
        actions = tuple(action.id for action in decision.actions)
        shown = self.target and clean(self.target).text
        return (decision.outcome, actions, target) == (self.outcome, self.actions, shown)


def read_confirmation(raw: Mapping[str, Any]) -> Confirmation:
    """The confirmation in a request. Raises EventError 422."""
    try:
        loaded = _FORM.load(raw)
    except ValidationError as error:
        raise bad_page_request(sorted(map(str, messages_by_field(error)))) from error
    shown = loaded["shown"]
    return Confirmation(
        id=loaded["id"],
        at=str(raw["at"]),
        revision=loaded["revision"],
        facts=loaded["facts"],
        note=loaded["note"],
        outcome=shown["outcome"],
        actions=tuple(shown["actions"]),
        target=shown["target"],
        why=loaded["why"] or "by_hand",
        label=loaded["label"],
    )


def own_event(
    id_: str,
    at: str,
    call: PageCall,
    script: str,
    revision: str,
    *,
    facts: Mapping[str, Any],
    note: str,
    final: bool,
) -> dict[str, Any]:
    """A call result of the page."""
    event = {
        "id": id_,
        "occurred_at": at,
        "script": script,
        "final": final,
        "facts": dict(facts),
        "ruleset": revision,
        **call.event(),
    }
    return event | ({"note": note.strip()} if note.strip() else {})
