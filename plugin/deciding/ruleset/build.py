"""From the content of a script folder to its model: every name is resolved, every fault is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError

from plugin.common.fields import messages_by_field
from plugin.common.toml.source import Place
from plugin.deciding.ruleset.calendar import Calendar, calendar_of, check_due
from plugin.deciding.ruleset.choosing import ActionConditions, ActionKey, PeopleReader
from plugin.deciding.ruleset.conditions import RULES_FILE, ConditionReader, allowed_values, shown
from plugin.deciding.ruleset.escalation import escalation_of
from plugin.deciding.ruleset.faults import Faults, closest
from plugin.deciding.ruleset.model import (
    ActionSpec,
    Condition,
    Fact,
    OutcomeSpec,
    Question,
    Role,
    Rule,
    Script,
    TargetSpec,
)
from plugin.deciding.ruleset.people import roles_of
from plugin.deciding.ruleset.schema import CALENDAR_TABLE, ROLES_FILE, SCRIPT_FILES, RolesForm
from plugin.deciding.ruleset.template import CALL_PLACEHOLDERS, Template
from plugin.deciding.ruleset.values import Answer, FactValue
from plugin.deciding.ruleset.vocabulary import build_derived, build_facts

_PREVIOUS = frozenset({"previous.outcome"})
_CHANGE = _PREVIOUS | {"outcome"}
_TARGET = frozenset({"target.name", "target.phone"})


@dataclass(frozen=True, slots=True)
class _TextPlace:
    """Where in script.toml a text stands, and which placeholders it has beyond the common ones."""

    table: str
    key: str
    extra: frozenset[str] = frozenset()
    #: The key of the text that stands in for it where the folder has none, as those of earlier versions.
    instead: str = ""


#: The texts of a script that are not an outcome's: name → where they stand.
TEXTS: Mapping[str, _TextPlace] = {
    "correction": _TextPlace("correction", "line", _PREVIOUS),
    "correction_reminder": _TextPlace("correction", "reminder", _CHANGE, instead="line"),
    "correction_comment": _TextPlace("correction", "comment", _CHANGE),
    "correction_elsewhere": _TextPlace("correction", "other_card", _CHANGE, instead="line"),
    "withdrawal_subject": _TextPlace("correction", "withdrawal_subject", frozenset({"reminder.subject"})),
    "withdrawal": _TextPlace("correction", "withdrawal", _CHANGE),
    "other_client_comment": _TextPlace("other_client", "comment", _TARGET),
    "other_client_reminder": _TextPlace("other_client", "reminder", _TARGET),
    "unfinished_subject": _TextPlace("unfinished", "subject"),
    "unfinished": _TextPlace("unfinished", "text"),
}


def build_roles(content: Mapping[str, Any], faults: Faults) -> dict[str, Role]:
    """The roles of roles.toml."""
    try:
        forms = _form(RolesForm).load(content)["role"]
    except ValidationError as error:
        faults.add_form(ROLES_FILE, messages_by_field(error))
        return {}
    return roles_of(forms, faults)


def build_script(
    name: str, content: Mapping[str, Any], roles: Mapping[str, Role], faults: Faults, calendar: Calendar | None = None
) -> Script | None:
    """The model of one script; None where a file's form is wrong. Faults are noted, not raised.

    ``calendar``: that of all scripts, for a script without one of its own.
    """
    forms = _load_forms(name, content, faults)
    return None if forms is None else _Builder(name, forms, roles, faults, calendar).build()


def _load_forms(name: str, content: Mapping[str, Any], faults: Faults) -> dict[str, Any] | None:
    forms: dict[str, Any] = {}
    for file, schema in SCRIPT_FILES.items():
        try:
            forms |= {file: _form(schema).load(content[file])}
        except ValidationError as error:
            faults.add_form(f"{name}/{file}", messages_by_field(error))
    return forms if len(forms) == len(SCRIPT_FILES) else None


@cache
def _form(schema: type[Schema]) -> Schema:
    """The one form of its kind: to make it takes longer than to read a file by it."""
    return schema()


class _ScriptFaults(Faults):
    """Faults of one script's folder: file names are given without it."""

    def __init__(self, folder: str, faults: Faults) -> None:
        self._folder = folder
        self._into = faults

    def add(self, file: str, place: Place, what: str, hint: str = "") -> None:
        self._into.add(file if file == ROLES_FILE else f"{self._folder}/{file}", place, what, hint)


class _Builder:
    def __init__(
        self, name: str, forms: Mapping[str, Any], roles: Mapping[str, Role], faults: Faults, calendar: Calendar | None
    ) -> None:
        self._name = name
        self._forms = forms
        self._roles = roles
        self._faults = _ScriptFaults(name, faults)
        own = forms["script.toml"][CALENDAR_TABLE]
        self._calendar = calendar_of(own, "script.toml", self._faults) if own else calendar
        vocabulary = forms["vocabulary.toml"]
        self._facts = build_facts(vocabulary["fact"], self._faults)
        self._derived = build_derived(vocabulary["derived"], self._facts, self._faults)
        self._reader = ConditionReader(self._facts, self._derived, self._faults)
        self._placeholders = {*CALL_PLACEHOLDERS, *(f"fact.{fact}" for fact in self._facts)}

    def build(self) -> Script:
        script, rules = self._forms["script.toml"], self._forms["rules.toml"]
        self._check_ids([("question", rules["question"]), ("rule", rules["rule"])])
        told = self._unfinished(script["unfinished"])
        escalation = escalation_of(script["escalation"], self._faults, self._role)
        for shared in ("reminder", "unfinished"):
            check_due(self._calendar, script[shared], "script.toml", (shared,), self._faults)
        # All conditions are read before any is finished: what they compare a fact with makes up its classes.
        asked = [self._reader.read(form["when"], ("question", i, "when")) for i, form in enumerate(rules["question"])]
        ruled = [self._reader.read(form["when"], ("rule", i, "when")) for i, form in enumerate(rules["rule"])]
        chosen = ActionConditions(self._reader, self._forms["outcomes.toml"])
        used = {*told, *chosen.roles, *(role for step in escalation for role in step.roles)}
        people = PeopleReader(self._reader, self._facts, self._faults).read(
            {name: role for name, role in self._roles.items() if name in used}
        )
        classes = self._reader.classes()
        self._action_conditions = chosen.finished(classes)
        spec = self._forms["outcomes.toml"]
        outcomes = {name: self._outcome(name, form) for name, form in spec["outcome"].items()}
        added = self._added(spec["action"])
        questions = [self._question(i, form) for i, form in enumerate(rules["question"])]
        rules_ = [self._rule(i, form, outcomes) for i, form in enumerate(rules["rule"])]
        return Script(
            name=self._name,
            title=script["title"],
            promise_hours=script["promise_hours"],
            facts=self._facts,
            classes=classes,
            derived=self._derived,
            questions=tuple(
                replace(q, when=self._reader.finish(w, classes)) for q, w in zip(questions, asked, strict=True)
            ),
            rules=tuple(replace(r, when=self._reader.finish(w, classes)) for r, w in zip(rules_, ruled, strict=True)),
            outcomes=outcomes,
            unfinished_roles=told,
            texts=self._texts(script),
            scope=script["scope"],
            added=added,
            people=people.finished(self._reader, classes),
            calendar=self._calendar,
            unfinished_working=script["unfinished"]["due"] == "working",
            escalation=tuple(escalation),
        )

    def _unfinished(self, form: Mapping[str, Any]) -> tuple[str, ...]:
        """Who is told of a call that was never finished."""
        named = [*([form["role"]] if form["role"] else []), *form["roles"]]
        if not named:
            self._faults.add("script.toml", ("unfinished",), "напоминание никому", "назовите роль в role или roles")
        for name in named:
            self._role(name, "script.toml", ("unfinished", "role" if form["role"] else "roles"))
        if len(set(named)) < len(named):
            self._faults.add("script.toml", ("unfinished", "roles"), "роль повторена", "оставьте одну")
        return tuple(named)

    # --- rules.toml --------------------------------------------------------------------------------

    def _check_ids(self, lists: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
        seen: set[str] = set()
        for kind, forms in lists:
            for index, form in enumerate(forms):
                if form["id"] in seen:
                    self._faults.add(RULES_FILE, (kind, index, "id"), f"id «{form['id']}» уже занят", "дайте другой")
                seen.add(form["id"])

    def _question(self, index: int, form: Mapping[str, Any]) -> Question:
        place: Place = ("question", index)
        self._check_read(form, RULES_FILE, place)
        if not form["say"] and not form["hint"]:
            self._faults.add(RULES_FILE, place, "нет ни фразы, ни подсказки", "задайте say или hint")
        fact = self._facts.get(form["fact"])
        if fact is None:
            self._faults.add(
                RULES_FILE, (*place, "fact"), f"неизвестный факт «{form['fact']}»", closest(form["fact"], self._facts)
            )
        elif fact.source:
            what = f"«{fact.name}» приходит из поля {fact.source}, о нём не спрашивают"
            self._faults.add(RULES_FILE, (*place, "fact"), what, "уберите вопрос или from в словаре")
        else:
            self._check_answers(fact, form["answers"], place)
        return Question(
            id=form["id"],
            paragraph=form["paragraph"],
            when=(),
            fact=form["fact"],
            say=form["say"],
            hint=form["hint"],
            answers=tuple(Answer(answer["value"], answer["label"]) for answer in form["answers"]),
            read=form["read"],
            optional=form["optional"],
        )

    def _check_answers(self, fact: Fact, answers: Sequence[Mapping[str, Any]], place: Place) -> None:
        at = (*place, "answers")
        if not fact.listed:
            if answers:
                self._faults.add(RULES_FILE, at, f"у факта вида {fact.type} нет готовых ответов", "уберите answers")
            return
        if not answers:
            self._faults.add(RULES_FILE, at, "нет ответов", "перечислите их в answers")
        seen: list[FactValue] = []
        for value in (answer["value"] for answer in answers):
            if not any(value == known and type(value) is type(known) for known in fact.listed):
                what = f"ответ {shown(value)} не подходит факту «{fact.name}»"
                self._faults.add(RULES_FILE, at, what, f"допустимы: {allowed_values(fact)}")
            elif value in seen:
                self._faults.add(RULES_FILE, at, f"ответ {shown(value)} повторён", "оставьте один")
            seen.append(value)

    def _rule(self, index: int, form: Mapping[str, Any], outcomes: Mapping[str, Any]) -> Rule:
        place: Place = ("rule", index)
        if not form["conclude"] and not form["outcome"] and not form["add"]:
            self._faults.add(RULES_FILE, place, "правило ничего не делает", "задайте conclude, outcome или add")
        known = [action["id"] for action in self._forms["outcomes.toml"]["action"]]
        for name in form["add"]:
            if name not in known:
                what = f"неизвестное действие «{name}»"
                hint = closest(name, known) + " ([[action]] в outcomes.toml)"
                self._faults.add(RULES_FILE, (*place, "add"), what, hint)
        if not form["when"]:
            self._faults.add(RULES_FILE, (*place, "when"), "нет ни одного условия", "задайте, когда правило действует")
        if form["outcome"] and form["outcome"] not in outcomes:
            self._faults.add(
                RULES_FILE,
                (*place, "outcome"),
                f"неизвестный итог «{form['outcome']}»",
                closest(form["outcome"], outcomes),
            )
        target = form["target"] and TargetSpec(
            self._template(form["target"]["name"], RULES_FILE, (*place, "target")),
            self._template(form["target"]["phone"], RULES_FILE, (*place, "target")),
        )
        return Rule(
            id=form["id"],
            paragraph=form["paragraph"],
            when=(),
            conclude=tuple(self._conclusions(form["conclude"], (*place, "conclude"))),
            outcome=form["outcome"],
            target=target,
            adds=tuple(form["add"]),
        )

    def _conclusions(self, conclude: Mapping[str, Any], place: Place) -> Iterator[tuple[str, str]]:
        for name, value in conclude.items():
            derived = self._derived.get(name)
            if derived is None:
                hint = "факты узнают у клиента, заключать можно только выводы; " if name in self._facts else ""
                self._faults.add(
                    RULES_FILE, (*place, name), f"неизвестный вывод «{name}»", hint + closest(name, self._derived)
                )
            elif not isinstance(value, str) or value not in derived.values:
                self._faults.add(
                    RULES_FILE,
                    (*place, name),
                    f"значение {shown(value)} не подходит",
                    f"допустимы: {', '.join(derived.values)}",
                )
            else:
                yield name, value

    # --- outcomes.toml and script.toml -------------------------------------------------------------

    def _outcome(self, name: str, form: Mapping[str, Any]) -> OutcomeSpec:
        place: Place = ("outcome", name, "action")
        self._check_read(form, "outcomes.toml", ("outcome", name))
        ids = [action["id"] for action in form["action"]]
        for index, action in enumerate(form["action"]):
            if action["id"] in ids[:index]:
                self._faults.add(
                    "outcomes.toml", (*place, index, "id"), f"id «{action['id']}» уже занят", "дайте другой"
                )
        self._check_scopes(form, ("outcome", name))
        actions = [self._actions(action, (*place, index), (name, index)) for index, action in enumerate(form["action"])]
        return OutcomeSpec(
            name=name,
            label=form["label"],
            paragraph=form["paragraph"],
            say=form["say"],
            actions=tuple(action for some in actions for action in some),
            read=form["read"],
            about=form["about"],
            suppress=tuple(form["suppress"]),
            release=tuple(form["release"]),
        )

    def _check_scopes(self, form: Mapping[str, Any], place: Place) -> None:
        named = [*form["suppress"], *form["release"]]
        for scope in sorted({scope for scope in named if named.count(scope) > 1}):
            what = f"«{scope}» названо дважды в suppress и release"
            self._faults.add(
                "outcomes.toml", (*place, "release" if form["release"] else "suppress"), what, "оставьте одно"
            )

    def _added(self, forms: Sequence[Mapping[str, Any]]) -> dict[str, tuple[ActionSpec, ...]]:
        """The actions of [[action]], which rules add."""
        added: dict[str, tuple[ActionSpec, ...]] = {}
        outcomes = self._forms["outcomes.toml"]["outcome"].values()
        taken = {action["id"] for outcome in outcomes for action in outcome["action"]}
        for index, form in enumerate(forms):
            if form["id"] in added or form["id"] in taken:
                what = f"id «{form['id']}» уже занят"
                self._faults.add("outcomes.toml", ("action", index, "id"), what, "дайте другой")
            added[form["id"]] = tuple(self._actions(form, ("action", index), (None, index)))
        return added

    def _check_read(self, form: Mapping[str, Any], file: str, place: Place) -> None:
        if form["read"] and not form["say"]:
            what = "есть, как читать фразу, но нет самой фразы"
            self._faults.add(file, (*place, "read"), what, "задайте say; read — та же фраза без сокращений")

    def _actions(self, form: Mapping[str, Any], place: Place, key: ActionKey) -> list[ActionSpec]:
        when = self._action_conditions.get(key, ())
        if form["kind"] == "comment":
            for name in ("roles", "subject", "due_in_hours", "due", "email"):
                if form.get(name):
                    self._faults.add("outcomes.toml", (*place, name), f"у комментария не бывает {name}", "уберите его")
            text = self._template(form["text"], "outcomes.toml", (*place, "text"))
            return [ActionSpec(form["id"], "comment", text, when=when)]
        check_due(self._calendar, form, "outcomes.toml", place, self._faults)
        if not form["roles"]:
            self._faults.add("outcomes.toml", (*place, "roles"), "напоминание никому", "перечислите роли в roles")
        for role in form["roles"]:
            self._role(role, "outcomes.toml", (*place, "roles"))
        if len(set(form["roles"])) < len(form["roles"]):
            self._faults.add("outcomes.toml", (*place, "roles"), "роль повторена", "оставьте одну")
        return [self._reminder(form, role, place, when) for role in form["roles"]]

    def _reminder(self, form: Mapping[str, Any], role: str, place: Place, when: tuple[Condition, ...]) -> ActionSpec:
        script = self._forms["script.toml"]
        shared = script["reminder"]
        self._template(form["text"], "outcomes.toml", (*place, "text"))
        return ActionSpec(
            id=f"{form['id']}-{role}",
            kind="reminder",
            text=Template(form["text"].rstrip("\n") + _below(shared["details"])),
            role=role,
            subject=form.get("subject", shared["subject"]),
            due_in_hours=form.get("due_in_hours", shared.get("due_in_hours", script["promise_hours"])),
            email=form.get("email", shared["email"]),
            when=when,
            working=form.get("due", shared["due"]) == "working",
        )

    def _texts(self, script: Mapping[str, Any]) -> dict[str, Template]:
        details = script["reminder"]["details"]
        self._template(details or "", "script.toml", ("reminder", "details"))
        texts = {}
        for name, at in TEXTS.items():
            text = script[at.table][at.key] or script[at.table][at.instead]
            self._template(text, "script.toml", (at.table, at.key), at.extra)
            texts[name] = Template(text.rstrip("\n") + _below(details) if name == "unfinished" else text)
        return texts

    def _role(self, name: str, file: str, place: Place) -> None:
        if name not in self._roles or ":" in name:
            self._faults.add(file, place, f"неизвестная роль «{name}»", closest(name, self._roles) + " (roles.toml)")

    def _template(self, text: str, file: str, place: Place, extra: frozenset[str] = frozenset()) -> Template:
        template = Template(text)
        for name in sorted(template.names - self._placeholders - extra):
            self._faults.add(
                file, place, f"неизвестная подстановка «{{{name}}}»", closest(name, self._placeholders | extra)
            )
        return template


def _below(details: str | None) -> str:
    return "\n" + details.strip("\n") if details else ""
