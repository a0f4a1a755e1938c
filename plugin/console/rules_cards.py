"""The cards of the console's rule pages: the conversation in its order, outcomes, people, terms and texts, cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugin.authoring.drafts.blocks import blocks
from plugin.common.toml.source import Place
from plugin.console.rules_escalation import escalation_cards
from plugin.console.rules_forms import FormMaker, RuleCard, anchor
from plugin.console.rules_people import conditions_of_person
from plugin.console.rules_words import entries, table
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.schema import CALENDAR_FILE, ROLES_FILE

_OUTCOMES, _SCRIPT = "outcomes.toml", "script.toml"
_REMINDER = ("text", "roles", "subject", "due_in_hours", "due", "email")
_SETTINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Скрипт", "", ("title", "promise_hours", "scope")),
    ("Все напоминания", "reminder", ("subject", "due_in_hours", "due", "email", "details")),
    ("Разговор не завершён", "unfinished", ("subject", "text", "due")),
    (
        "Исправления: итог звонка изменился после записи",
        "correction",
        ("line", "reminder", "comment", "other_card", "withdrawal_subject", "withdrawal"),
    ),
    ("Ответил другой клиент, и его карточка не найдена", "other_client", ("comment", "reminder")),
)
_CALENDAR = ("days", "from", "to", "holidays", "working")


def conversation(maker: FormMaker, text: str) -> list[RuleCard]:
    """Questions and rules in the order of the file, in which they read like the script."""
    file = maker.own(RULES_FILE)
    content = maker.check.content.get(file) or {}
    found = []
    for block in blocks(text) if content else ():
        place = block.place
        if len(place) == 2 and place[0] == "question":
            found.append(_question(maker, file, place, maker.check.value(file, place)))
        elif len(place) == 2 and place[0] == "rule":
            found.append(_rule(maker, file, place, maker.check.value(file, place)))
    return found


def outcomes(maker: FormMaker) -> list[RuleCard]:
    """Every outcome with what is written when it is reached, and the actions that rules add."""
    file = maker.own(_OUTCOMES)
    content = maker.check.content.get(file)
    found = []
    for name, outcome in table(content, "outcome").items():
        place = ("outcome", name)
        card = RuleCard("outcome", anchor(file, *place), maker.words.outcome(name), str(outcome.get("paragraph", "")))
        card.fields = maker.fields(file, place, ("label", "say", "read", "about", "suppress", "release"))
        card.inside = list(_actions(maker, file, place, outcome))
        card.faults = maker.rest(file, place)
        card.entry, card.data["name"] = f"outcomes.outcome.{name}", name
        found.append(card)
    return [*found, *_actions(maker, file, (), content)]


def people(maker: FormMaker) -> list[RuleCard]:
    """Who is reminded: each role with its person, or with several."""
    found = []
    for name, role in table(maker.check.content.get(ROLES_FILE), "role").items():
        place = ("role", name)
        card = RuleCard("role", anchor(*place), maker.words.role(name), entry=f"roles.role.{name}", data={"name": name})
        several = entries(role, "person")
        card.fields = maker.fields(ROLES_FILE, place, ("label", *(() if several else ("crm_user", "address"))))
        card.fields.append(maker.field(ROLES_FILE, (*place, "email"), "Кто отправляет письмо"))
        card.inside = [_person(maker, (*place, "person", number), one) for number, one in enumerate(several)]
        card.faults = maker.rest(ROLES_FILE, place)
        found.append(card)
    return found


def settings(maker: FormMaker) -> list[RuleCard]:
    """The script's terms and the texts that all its outcomes share."""
    file = maker.own(_SCRIPT)
    found = []
    for title, name, keys in _SETTINGS:
        place: Place = (name,) if name else ()
        card = RuleCard("settings", anchor(file, name), title, fields=maker.fields(file, place, keys))
        if name == "unfinished":
            key = "role" if "role" in (maker.check.value(file, place) or {}) else "roles"
            card.fields[:0] = maker.fields(file, place, (key,))
        if name:
            card.faults = maker.rest(file, place)
        found.append(card)
    return [*found, *escalation_cards(maker), *_calendars(maker)]


def _calendars(maker: FormMaker) -> Iterator[RuleCard]:
    for file, title in ((maker.own(_SCRIPT), "Календарь этого скрипта"), (CALENDAR_FILE, "Календарь всех скриптов")):
        if maker.check.value(file, ("calendar",)) is not None:
            card = RuleCard("calendar", anchor(file, "calendar"), title)
            card.fields = maker.fields(file, ("calendar",), _CALENDAR)
            card.faults = maker.rest(file, ("calendar",))
            yield card


def _question(maker: FormMaker, file: str, place: Place, question: Mapping[str, Any]) -> RuleCard:
    card = RuleCard("question", anchor(file, *place[:1], question.get("id")), str(question.get("id", "")))
    card.title = maker.words.subject(str(question.get("fact", "")))
    card.subtitle = str(question.get("paragraph", ""))
    spoken = ("say", "read") if question.get("say") is not None or question.get("hint") is None else ()
    keys = (*spoken, *(("hint",) if question.get("hint") is not None or not spoken else ()), "optional")
    card.fields = maker.fields(file, place, keys)
    card.lines = maker.words.conditions(question.get("when"))
    card.data = {"id": question.get("id"), "number": place[1], "fact": question.get("fact"), "answers": []}
    for number, answer in enumerate(entries(question, "answers")):
        made = maker.field(file, (*place, "answers", number, "label"), f"Ответ {number + 1}")
        card.fields.append(made)
        card.data["answers"].append((number, str(answer.get("label", ""))))
    card.faults = maker.rest(file, place)
    card.entry = f"rules.question[#{place[1]}]"
    return card


def _rule(maker: FormMaker, file: str, place: Place, rule: Mapping[str, Any]) -> RuleCard:
    card = RuleCard("rule", anchor(file, *place[:1], rule.get("id")), "", str(rule.get("paragraph", "")))
    card.lines = maker.words.conditions(rule.get("when"))
    if rule.get("outcome") is not None:
        card.fields = maker.fields(file, place, ("outcome",))
        card.title = f"Итог: {maker.words.outcome(rule['outcome'])}"
    else:
        told = maker.words.conclusion(rule.get("conclude")) or [f"действия: {', '.join(map(str, rule.get('add', ())))}"]
        card.title = "; ".join(told)
    card.data = {"id": rule.get("id"), "number": place[1], "when": conditions_of(maker, rule.get("when"))}
    card.faults = maker.rest(file, place)
    card.entry = f"rules.rule[#{place[1]}]"
    return card


def conditions_of(maker: FormMaker, when: Any) -> list[tuple[str, str]]:
    """Each condition of a rule: its fact, and the condition in words."""
    written = when.items() if isinstance(when, Mapping) else ()
    return [(fact, maker.words.condition(fact, wanted)) for fact, wanted in written]


def _actions(maker: FormMaker, file: str, place: Place, holder: Any) -> Iterator[RuleCard]:
    for number, action in enumerate(entries(holder, "action")):
        here = (*place, "action", number)
        is_reminder = action.get("kind") == "reminder"
        card = RuleCard("action", anchor(file, *place, "action", action.get("id")), _action_title(maker, action))
        card.fields = maker.fields(file, here, _REMINDER if is_reminder else ("text",))
        card.lines = maker.words.conditions(action.get("when"))
        card.faults = maker.rest(file, here)
        card.subtitle = "" if place else "дополнительное действие: его добавляют правила"
        card.entry = f"outcomes{'.outcome.' + str(place[1]) if place else ''}.action[#{number}]"
        yield card


def _action_title(maker: FormMaker, action: Mapping[str, Any]) -> str:
    if action.get("kind") != "reminder":
        return "Комментарий в карточку"
    listed = action.get("roles")
    named = ", ".join(map(maker.words.role, listed if isinstance(listed, list) else ()))
    return f"Напоминание: {named or 'никому'}"


def _person(maker: FormMaker, place: Place, person: Mapping[str, Any]) -> RuleCard:
    card = RuleCard("person", anchor(*place), str(person.get("name") or "Без имени"))
    card.fields = maker.fields(ROLES_FILE, place, ("name", "crm_user", "address", "away"))
    card.fields += [
        maker.field(ROLES_FILE, (*place, "deputy", key), f"Заместитель: {word}")
        for key, word in (("name", "имя"), ("crm_user", "пользователь CRM"), ("address", "почта"))
    ]
    card.data["when"] = conditions_of_person(maker.words, person.get("when"))
    card.lines = [word for _, word in card.data["when"]]
    card.faults = maker.rest(ROLES_FILE, place)
    card.entry = f"roles.role.{place[1]}.person[#{place[3]}]"
    return card
