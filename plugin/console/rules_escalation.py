"""Who is told of a promise that is not kept yet: the steps as cards of a page, and a step that is added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.common.russian import counted
from plugin.console.rules_forms import FormMaker, RuleCard, anchor
from plugin.console.rules_names import numbered_names
from plugin.console.rules_typed import lines_of
from plugin.console.rules_words import entries
from plugin.errors import InputError

_FILE = "script.toml"
_MOST = 8760


def escalation_cards(maker: FormMaker) -> Iterator[RuleCard]:
    """A card for each step, in the order of the file."""
    file = maker.own(_FILE)
    for number, step in enumerate(entries(maker.words.file(_FILE), "escalation")):
        place = ("escalation", number)
        card = RuleCard("escalation", anchor(file, *place[:1], step.get("id")), f"Предупредить {step_moment(step)}")
        card.fields = [
            maker.field(file, (*place, "before_hours"), "За сколько часов до срока"),
            maker.field(file, (*place, "after_hours"), "или через сколько часов после срока (0 — в сам срок)"),
            maker.field(file, (*place, "to"), "Кому"),
            maker.field(file, (*place, "roles"), "Получатели"),
            *maker.fields(file, place, ("by", "subject", "text")),
        ]
        card.faults = maker.rest(file, place)
        card.entry = f"script.escalation[#{number}]"
        yield card


def step_moment(step: Mapping[str, Any]) -> str:
    """When a step comes, as far as it says so."""
    before, after = step.get("before_hours"), step.get("after_hours")
    if isinstance(before, int) and after is None:
        return f"за {_hours(before)} до срока"
    if isinstance(after, int) and before is None:
        return f"через {_hours(after)} после срока" if after else "в сам срок"
    return "о несделанном"


def add_step(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """One more step, after those that there are. Raises InputError (Russian) for what is missing or no number."""
    typed = form.get("hours", "").strip()
    is_before = form.get("side", "before") != "after"
    if not typed.isdecimal() or not (1 if is_before else 0) <= int(typed) <= _MOST:
        raise InputError("Часы — целое число от 1 до 8760", hint="После срока можно и 0: в сам срок")
    roles = lines_of(form, "roles[]")
    if form.get("to") != "person" and not roles:
        raise InputError("Не выбрано, кому сказать", hint="Отметьте получателей или выберите исполнителя")
    texts = {name: form.get(name, "").replace("\r\n", "\n").strip() for name in ("subject", "text")}
    if not all(texts.values()):
        raise InputError("Не заполнено: тема или текст", hint="Вернитесь и впишите")
    known = entries(editor.content.get(f"{editor.script}/{_FILE}"), "escalation")
    taken = {one.get("id") for one in known}
    key = "before_hours" if is_before else "after_hours"
    base = f"{'before' if is_before else 'after'}_{int(typed)}"
    body: dict[str, Any] = {
        "id": next(one for one in numbered_names(base) if one not in taken),
        key: int(typed),
        **({"to": "person"} if form.get("to") == "person" else {"roles": roles}),
    }
    by = lines_of(form, "by[]")
    if by and by != ["mail"]:
        body["by"] = by
    editor.add_entry("script.escalation", {**body, **texts})
    return f"предупредить {step_moment(body)}"


def _hours(number: int) -> str:
    return counted(number, "час", "часа", "часов")
