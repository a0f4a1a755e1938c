"""[[escalation]] of script.toml becomes steps: each has somebody, a moment and texts that can be filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import validate

from plugin.common.fields import WholeNumber
from plugin.common.toml.source import Place
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import EscalationStep
from plugin.deciding.ruleset.schema import NAME, Strict, filled, hours, list_of
from plugin.deciding.ruleset.template import CALL_PLACEHOLDERS, Template

#: What a step's texts can say beside the call: what is left to do, and the subject of the reminder that is not done.
ESCALATION_PLACEHOLDERS = frozenset({"undone", "reminder.subject"})
_FILE = "script.toml"
#: What checks that a role exists: its name, the file and the place that name it.
CheckRole = Callable[[str, str, Place], None]


class EscalationForm(Strict):
    """[[escalation]] in script.toml: who is told what so long before a promise's deadline, or after it.

    ``to``: ``person`` is everybody whose reminder is not done; ``roles`` are those named. ``by``: the ways it goes.
    """

    id = filled(required=True, valid=NAME)
    before_hours = hours(load_default=None)
    after_hours = WholeNumber(least=0, most=8760, wrong="нужно целое число часов от 0 до 8760", load_default=None)
    to = filled(valid=validate.OneOf(["person"], error="допустимо: person"), load_default=None)
    roles = list_of(filled(), load_default=[])
    by = list_of(
        filled(valid=validate.OneOf(["mail", "task", "webhook"], error="допустимы: mail, task, webhook")),
        load_default=["mail"],
    )
    subject = filled(required=True)
    text = filled(required=True)


def escalation_of(forms: Sequence[Mapping[str, Any]], faults: Faults, check_role: CheckRole) -> list[EscalationStep]:
    """The steps, the earliest first; what is wrong is noted."""
    seen: set[str] = set()
    steps = []
    for index, form in enumerate(forms):
        place: Place = ("escalation", index)
        if form["id"] in seen:
            faults.add(_FILE, (*place, "id"), f"id «{form['id']}» уже занят", "дайте другой")
        seen.add(form["id"])
        _check_who(form, place, faults, check_role)
        steps.append(
            EscalationStep(
                id=form["id"],
                hours=_hours(form, place, faults),
                roles=tuple(form["roles"]),
                by=tuple(dict.fromkeys(form["by"])),
                subject=_template(form["subject"], (*place, "subject"), faults),
                text=_template(form["text"], (*place, "text"), faults),
            )
        )
    return sorted(steps, key=lambda step: step.hours)


def _check_who(form: Mapping[str, Any], place: Place, faults: Faults, check_role: CheckRole) -> None:
    if bool(form["to"]) == bool(form["roles"]):
        what = "и to, и roles" if form["to"] else "шаг никому"
        faults.add(_FILE, (*place, "roles"), what, 'задайте roles = ["…"] или to = "person"')
    for name in form["roles"]:
        check_role(name, _FILE, (*place, "roles"))
    if len(set(form["roles"])) < len(form["roles"]):
        faults.add(_FILE, (*place, "roles"), "роль повторена", "оставьте одну")


def _hours(form: Mapping[str, Any], place: Place, faults: Faults) -> int:
    before, after = form["before_hours"], form["after_hours"]
    if (before is None) == (after is None):
        what = "не сказано, когда" if before is None else "и до срока, и после него"
        faults.add(
            _FILE, (*place, "before_hours"), what, "задайте before_hours (до срока) или after_hours (после; 0 — в срок)"
        )
    return -before if before is not None else after or 0


def _template(text: str, place: Place, faults: Faults) -> Template:
    template = Template(text.strip("\n"))
    known = {*CALL_PLACEHOLDERS, *ESCALATION_PLACEHOLDERS}
    for name in sorted(template.names - known):
        hint = f"допустимы: {', '.join(sorted(known))}"
        faults.add(_FILE, place, f"неизвестная подстановка «{{{name}}}»", hint)
    return template
