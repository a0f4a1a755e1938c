"""Additions to a draft that take changes in several files at once: an answer, a question, a rule, an outcome, a person.

Each is given the editor of the draft and the form as it was sent, and says in words what it did. Raises InputError
(Russian) for what is missing in the form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.console.rules_conditions import chosen_condition
from plugin.console.rules_days import period_written
from plugin.console.rules_escalation import add_step
from plugin.console.rules_names import name_of, numbered_names
from plugin.console.rules_override import add_override
from plugin.console.rules_term import change_term
from plugin.console.rules_typed import Form, lines_of, needed
from plugin.console.rules_words import RulesWords, entries, table
from plugin.errors import InputError

__all__ = [
    "add_action",
    "add_answer",
    "add_calendar",
    "add_call_field",
    "add_condition",
    "add_extra_action",
    "add_outcome",
    "add_override",
    "add_person",
    "add_question",
    "add_role",
    "add_rule",
    "add_step",
    "answer_and_outcome",
    "change_term",
    "remove_answer",
    "remove_condition",
    "remove_entry",
]

#: What may be taken out as a whole.
_ENTRY = re.compile(
    r"rules\.(?:question|rule)\[#\d+\]|outcomes\.(?:outcome\.[a-z0-9_]+\.)?action\[#\d+\]|outcomes\.outcome\.[a-z0-9_]+"
    r"|roles\.role\.[a-z0-9_]+(?:\.person\[#\d+\])?|cases\.case\[#\d+\]|script\.escalation\[#\d+\]"
)


# --- conversation ----------------------------------------------------------------------------------


def add_answer(editor: DraftEditor, form: Form) -> str:
    """One more answer to a question, and the outcome that it leads to."""
    answer_and_outcome(editor, form)
    return f"новый ответ «{needed(form, 'label', 'надпись ответа')}»"


def answer_and_outcome(editor: DraftEditor, form: Form) -> str:
    """The same; the outcome's name, empty where none was chosen."""
    number, label = _number(form), needed(form, "label", "надпись ответа")
    question = editor.get(f"rules.question[#{number}]")
    fact = str(question["fact"])
    known = editor.get(f"vocabulary.fact.{fact}") or {}
    if known.get("type") != "choice":
        raise InputError("У этого вопроса нельзя добавить ответ", hint="Ответы добавляют к вопросу с вариантами")
    value = name_of(label, known.get("values", ()), "answer")
    editor.insert(f"vocabulary.fact.{fact}.values", len(known.get("values", ())), value)
    editor.insert(f"rules.question[#{number}].answers", len(question.get("answers", ())), _answer(value, label))
    outcome = _outcome_of(editor, form, label, str(question.get("paragraph", "")))
    if outcome:
        questions = entries(RulesWords(editor.content, editor.script).file("rules.toml"), "question")
        is_shared = sum(one.get("fact") == fact for one in questions) > 1
        when = {**(question.get("when") or {} if is_shared else {}), fact: value}
        _insert_rule(editor, fact, {"paragraph": question["paragraph"], "when": when, "outcome": outcome}, label)
    return outcome


def remove_answer(editor: DraftEditor, form: Form) -> str:
    """An answer less; rules that read it tell by a fault that they do."""
    number, at = _number(form), int(needed(form, "answer", "какой ответ убрать"))
    label = editor.get(f"rules.question[#{number}].answers[#{at}].label")
    editor.remove_entry(f"rules.question[#{number}].answers[#{at}]")
    return f"ответ «{label}» убран"


def add_question(editor: DraftEditor, form: Form) -> str:
    """A new question with its fact, after another question."""
    label = needed(form, "label", "что выясняет вопрос")
    kind = form.get("kind", "bool")
    options = [line.strip() for line in form.get("options", "").splitlines() if line.strip()]
    fact: dict[str, Any] = {"type": kind}
    answers: list[dict[str, Any]] = []
    if kind == "bool":
        answers = [_answer(True, options[0] if options else "Да"), _answer(False, (options[1:] or ["Нет"])[0])]
    elif kind == "choice":
        if len(options) < 2:
            raise InputError("У вопроса с вариантами нужно хотя бы два ответа", hint="Впишите их, по одному в строке")
        values: list[str] = []
        for option in options:
            values.append(name_of(option, values, "answer"))
        fact["values"] = values
        answers = [_answer(value, option) for value, option in zip(values, options, strict=True)]
    facts = table(editor.content.get(f"{editor.script}/vocabulary.toml"), "fact")
    derived = table(editor.content.get(f"{editor.script}/vocabulary.toml"), "derived")
    name = name_of(label, {*facts, *derived}, "fact")
    editor.add_table(f"vocabulary.fact.{name}", {**fact, "label": label})
    question: dict[str, Any] = {"id": _free_id(editor, name), "paragraph": form.get("paragraph", "").strip() or label}
    if form.get("choice"):
        subject, wanted = chosen_condition(RulesWords(editor.content, editor.script), form["choice"])
        question["when"] = {subject: wanted}
    question["fact"] = name
    for key in ("say", "hint"):
        if form.get(key, "").strip():
            question[key] = form[key].replace("\r\n", "\n").strip()
    if answers:
        question["answers"] = answers
    if form.get("optional"):
        question["optional"] = True
    after = form.get("number", "")
    editor.add_entry("rules.question", question, int(after) if after.isdecimal() else None)
    return f"новый вопрос «{label}»"


def add_rule(editor: DraftEditor, form: Form) -> str:
    """A rule: if these conditions hold, this outcome."""
    words = RulesWords(editor.content, editor.script)
    when = dict(_conditions(words, form))
    if not when:
        raise InputError("Не выбрано ни одного условия", hint="Выберите, когда действует правило")
    outcome = needed(form, "outcome", "итог")
    told = "; ".join(words.conditions(when))
    paragraph = form.get("paragraph", "").strip() or told
    body = {"id": _free_id(editor, name_of(outcome, (), "rule")), "paragraph": paragraph, "when": when}
    editor.add_entry("rules.rule", {**body, "outcome": outcome})
    return f"новое правило: если {told} — {words.outcome(outcome)}"


def add_condition(editor: DraftEditor, form: Form) -> str:
    """One more condition of a rule, a question or an action."""
    address = _entry(form)
    words = RulesWords(editor.content, editor.script)
    subject, wanted = chosen_condition(words, needed(form, "choice", "условие"), form.get("typed", ""))
    editor.set(f"{address}.when.{subject}", wanted)
    return f"условие: {words.condition(subject, wanted)}"


def remove_condition(editor: DraftEditor, form: Form) -> str:
    """A condition less."""
    address, subject = _entry(form), needed(form, "fact", "условие")
    told = RulesWords(editor.content, editor.script).condition(subject, editor.get(f"{address}.when.{subject}"))
    editor.set(f"{address}.when.{subject}", None)
    return f"без условия: {told}"


def remove_entry(editor: DraftEditor, form: Form) -> str:
    """A question, rule, outcome, action, person, role or case less."""
    address = _entry(form)
    entry = editor.get(address)
    if not isinstance(entry, Mapping):
        raise InputError("Этого в черновике уже нет", hint="Обновите страницу")
    editor.remove(address)
    named = (
        entry.get("label")
        or entry.get("name")
        or entry.get("paragraph")
        or entry.get("subject")
        or entry.get("text")
        or address
    )
    return f"убрано: {named}"


# --- outcomes --------------------------------------------------------------------------------------


def add_outcome(editor: DraftEditor, form: Form) -> str:
    """A new outcome with what is written when it is reached."""
    label = needed(form, "outcome-label", "название итога")
    _new_outcome(editor, form, label, form.get("paragraph", "").strip() or label)
    return f"новый итог «{label}»"


def add_action(editor: DraftEditor, form: Form) -> str:
    """One more comment or reminder of an outcome."""
    outcome = needed(form, "name", "итог")
    text = needed(form, "text", "текст")
    taken = {str(one.get("id")) for one in entries(editor.get(f"outcomes.outcome.{outcome}"), "action")}
    body = _action(form.get("kind", "reminder"), text, lines_of(form, "roles[]"), taken)
    editor.add_entry(f"outcomes.outcome.{outcome}.action", body)
    return f"действие итога «{RulesWords(editor.content, editor.script).outcome(outcome)}»"


def add_extra_action(editor: DraftEditor, form: Form) -> str:
    """A reminder besides those of the outcome, whichever it is, where a condition holds."""
    words = RulesWords(editor.content, editor.script)
    text = needed(form, "text", "текст напоминания")
    subject, wanted = chosen_condition(words, needed(form, "choice", "условие"), form.get("typed", ""))
    taken = {str(one.get("id")) for one in entries(words.file("outcomes.toml"), "action")}
    body = _action("reminder", text, lines_of(form, "roles[]"), taken, name_of(subject, taken, "action"))
    told = words.condition(subject, wanted)
    editor.add_entry("outcomes.action", body)
    rule = {"id": _free_id(editor, str(body["id"])), "paragraph": told, "when": {subject: wanted}, "add": [body["id"]]}
    editor.add_entry("rules.rule", rule)
    return f"дополнительное действие: если {told}"


# --- people and fields -----------------------------------------------------------------------------


def add_person(editor: DraftEditor, form: Form) -> str:
    """One more person of a role; who had it alone becomes the first of them."""
    role = needed(form, "name", "роль")
    known = editor.get(f"roles.role.{role}") or {}
    if not known.get("person"):
        first = needed(form, "first", "имя нынешнего получателя")
        editor.add_entry(f"roles.role.{role}.person", {"name": first, **_reached(known)})
        for key in ("crm_user", "address"):
            editor.set(f"roles.role.{role}.{key}", None)
    if form.get("person", "").strip():
        body = {"name": form["person"].strip(), **_reached(form)}
        editor.add_entry(f"roles.role.{role}.person", body)
        return f"ещё один получатель: {form['person'].strip()}"
    return "получатель с заменой"


def add_role(editor: DraftEditor, form: Form) -> str:
    """A new role with one person."""
    label = needed(form, "label", "как называется роль")
    name = name_of(label, table(editor.content.get("roles.toml"), "role"), "role")
    editor.add_table(f"roles.role.{name}", {"label": label, **_reached(form), "email": "smtp"})
    return f"новый получатель «{label}»"


def add_call_field(editor: DraftEditor, form: Form) -> str:
    """A field of the call or of the card that conditions may ask about."""
    label, source = needed(form, "label", "название"), needed(form, "source", "поле звонка или карточки")
    facts = table(editor.content.get(f"{editor.script}/vocabulary.toml"), "fact")
    name = name_of(source.rpartition(".")[2], facts, "fact")
    editor.add_table(
        f"vocabulary.fact.{name}", {"type": form.get("kind", "text"), "from": source.strip(), "label": label}
    )
    return f"новое поле звонка «{label}»"


def add_calendar(editor: DraftEditor, form: Form) -> str:
    """Working days and hours for all scripts; in the chosen scripts reminders are due by them."""
    days = lines_of(form, "days[]") or ["mon", "tue", "wed", "thu", "fri"]
    body: dict[str, Any] = {"days": days, "from": form.get("from") or "09:00", "to": form.get("to") or "18:00"}
    for key in ("holidays", "working"):
        if listed := [period_written(line) for line in form.get(key, "").splitlines() if line.strip()]:
            body[key] = listed
    editor.add_table("calendar.calendar", body)
    for script in lines_of(form, "scripts[]") or [editor.script]:
        other = f"{script}/" if script != editor.script else ""
        editor.set(f"{other}script.reminder.due", "working")
    return "календарь рабочих дней"


# --- details ---------------------------------------------------------------------------------------


def _outcome_of(editor: DraftEditor, form: Form, label: str, paragraph: str) -> str:
    """The outcome that was chosen, or made anew, for an answer; empty where it leads on by rules that there are."""
    chosen = form.get("outcome", "")
    return (
        _new_outcome(editor, form, form.get("outcome-label", "").strip() or label, paragraph)
        if (chosen == "new")
        else chosen
    )


def _new_outcome(editor: DraftEditor, form: Form, label: str, paragraph: str) -> str:
    outcomes = table(editor.content.get(f"{editor.script}/outcomes.toml"), "outcome")
    name = name_of(label, outcomes, "outcome")
    body: dict[str, Any] = {"label": label, "paragraph": paragraph}
    if form.get("say", "").strip():
        body["say"] = form["say"].strip()
    if scopes := lines_of(form, "suppress[]"):
        body["suppress"] = scopes
    actions = []
    if form.get("comment", "").strip():
        actions.append(_action("comment", form["comment"].strip(), [], ()))
    if form.get("reminder", "").strip():
        actions.append(_action("reminder", form["reminder"].strip(), lines_of(form, "roles[]"), ()))
    editor.add_table(f"outcomes.outcome.{name}", {**body, "action": actions}, blank=2)
    return name


def _action(kind: str, text: str, roles: list[str], taken: Collection[str], name: str = "") -> dict[str, Any]:
    if kind == "reminder" and not roles:
        raise InputError("Не выбрано, кому напоминание", hint="Отметьте хотя бы одного получателя")
    base = name or ("remind" if kind == "reminder" else "comment")
    body: dict[str, Any] = {"id": next(one for one in numbered_names(base) if one not in taken), "kind": kind}
    if kind == "reminder":
        body["roles"] = roles
    return {**body, "text": text.replace("\r\n", "\n")}


def _insert_rule(editor: DraftEditor, fact: str, body: Mapping[str, Any], label: str) -> None:
    """After the last rule that reads the fact, so that the file goes on reading like the script."""
    rules = entries(editor.content.get(f"{editor.script}/rules.toml"), "rule")
    near = [number for number, one in enumerate(rules) if fact in (one.get("when") or {})]
    made = {"id": _free_id(editor, name_of(label, (), "rule")), **body}
    editor.add_entry("rules.rule", made, near[-1] if near else None)


def _conditions(words: RulesWords, form: Form) -> Iterator[tuple[str, Any]]:
    for number in ("1", "2", "3"):
        if form.get(f"choice{number}"):
            yield chosen_condition(words, form[f"choice{number}"], form.get(f"typed{number}", ""))


def _free_id(editor: DraftEditor, wanted: str) -> str:
    content = editor.content.get(f"{editor.script}/rules.toml")
    taken = {str(one.get("id")) for kind in ("rule", "question") for one in entries(content, kind)}
    return next(one for one in numbered_names(wanted) if one not in taken)


def _answer(value: Any, label: str) -> dict[str, Any]:
    return {"value": value, "label": label}


def _reached(form: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: str(form.get(key) or "").strip() for key in ("crm_user", "address")}
    return {key: value for key, value in found.items() if value}


def _number(form: Form) -> int:
    number = form.get("number", "")
    if not number.isdecimal():
        raise InputError("Не сказано, о каком вопросе речь", hint="Обновите страницу")
    return int(number)


def _entry(form: Form) -> str:
    address = form.get("entry", "")
    if not _ENTRY.fullmatch(address):
        raise InputError("Этого здесь не изменить", hint="Обновите страницу")
    return address
