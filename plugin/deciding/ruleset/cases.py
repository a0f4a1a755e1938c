"""The admin's cases of one script: ``cases.toml`` read against the rules, every fault noted with its line.

A case names some facts and what the rules are to make of them. Whether they do is ``authoring.verification.cases``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields

from plugin.common.fields import messages_by_field
from plugin.common.toml.source import Place, TomlSource
from plugin.deciding.ruleset.faults import Faults, closest
from plugin.deciding.ruleset.model import Role, Script
from plugin.deciding.ruleset.schema import CASES_FILE, Strict, any_table, filled, flag, hours, list_of, table
from plugin.deciding.ruleset.template import CALL_PLACEHOLDERS, LABELS
from plugin.deciding.ruleset.values import FactValue

#: The tables of a case that name fields of the call, and the first part of these fields' names.
_CALL_TABLES = ("call", "card")


@dataclass(frozen=True, slots=True)
class Wording:
    """A text word for word, or parts of it. ``exact`` empty: there is to be no text."""

    exact: str | None
    contains: tuple[str, ...] = ()

    def fits(self, text: str | None) -> bool:
        """Whether the text is so worded."""
        if self.exact is not None:
            return self.exact == (text or "").strip("\n")
        return all(part in (text or "") for part in self.contains)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to come of a case's facts; None is not looked at.

    ``say`` and ``hint`` are those of the next question or, of a finished conversation, its closing phrase; ``read``:
    how it is read out, where that is written apart. ``answers`` are those that the next question offers. ``remind``:
    the roles, in any order, a role for whoever of it is reminded, ``role:person`` for one; ``reminder`` (its text),
    ``subject``, ``due_in_hours`` and ``email`` hold of every reminder. ``target``: the other client's name, empty for
    the call's own card. ``error``: a fact that is refused.
    ``transcript``: the answered facts in the order of the conversation. ``rules``: rules and questions that fire,
    others aside. ``label`` is the outcome's, ``labels`` those of facts.
    ``persons``: who gets each reminder: ``role: user <address> mode``. ``other_client``: the lines where that client's
    card is found not at all or more than once. ``unfinished``: the reminder if the call ended here. ``then``: what a
    correction writes, if the call came to these other facts afterwards. ``due``: when every reminder is due, of a call
    that ended at the case's ``called_at``, both by clocks that are never changed.
    ``escalation``: who is told by which step if nobody does what was promised.
    """

    outcome: str | None = None
    next: str | None = None
    say: Wording | None = None
    hint: Wording | None = None
    read: Wording | None = None
    answers: tuple[FactValue, ...] | None = None
    comment: Wording | None = None
    remind: tuple[str, ...] | None = None
    reminder: Wording | None = None
    subject: str | None = None
    due_in_hours: int | None = None
    due: datetime | None = None
    email: bool | None = None
    target: str | None = None
    error: str | None = None
    transcript: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None
    label: str | None = None
    title: str | None = None
    promise_hours: int | None = None
    persons: tuple[str, ...] | None = None
    target_phone: str | None = None
    labels: Mapping[str, Any] | None = None
    other_client: Mapping[str, Any] | None = None
    unfinished: Mapping[str, Any] | None = None
    then: Mapping[str, Any] | None = None
    escalation: tuple[Mapping[str, Any], ...] | None = None


#: What a case can say of a decision; at least one of them.
EXPECTATIONS = tuple(field.name for field in dataclasses.fields(Expected))


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``line`` is 0 where the file's text is not at hand; ``context``: the call's data in the texts."""

    script: str
    name: str
    paragraph: str | None
    file: str
    line: int
    facts: Mapping[str, Any]
    context: Mapping[str, str | None]
    expected: Expected
    called_at: datetime | None = None

    @property
    def place(self) -> str:
        """Where it stands: ``script/cases.toml:12``."""
        return f"{self.file}:{self.line}" if self.line else self.file


class WordingField(fields.Field[Wording]):
    """``"text"`` or ``{ contains = "part" }``."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Wording:
        if isinstance(value, str):
            return Wording(value.strip("\n"))
        parts = value.get("contains") if isinstance(value, Mapping) and set(value) == {"contains"} else None
        listed = parts if isinstance(parts, list) else [parts]
        if not listed or not all(isinstance(part, str) and part.strip() for part in listed):
            raise ValidationError('нужен текст в кавычках или { contains = "часть текста" }')
        return Wording(None, tuple(map(str, listed)))


def _names() -> fields.List[Any]:
    """A list of names that may be empty."""
    return fields.List(filled(), load_default=None, error_messages={"invalid": "нужен список в квадратных скобках"})


class OtherClientCaseForm(Strict):
    """``other_client``: the lines where the other client's card is found not at all or more than once."""

    comment = WordingField(load_default=None)
    reminder = WordingField(load_default=None)


class MomentField(fields.Field[datetime]):
    """``"2026-03-06 18:00"``, by the deployment's clocks."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            return datetime.strptime(str(value), "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        except ValueError:
            raise ValidationError('нужны день и время вида "2026-03-06 18:00"') from None


class UnfinishedCaseForm(Strict):
    """``unfinished``: what is written if the call ends here."""

    remind = _names()
    subject = WordingField(load_default=None)
    text = WordingField(load_default=None)
    due = MomentField(load_default=None)


class ThenForm(Strict):
    """``then``: the facts that the same call came to afterwards, and the texts of its correction by their names."""

    facts = any_table(required=True)
    outcome = filled(load_default=None)
    line = WordingField(load_default=None)
    reminder = WordingField(load_default=None)
    comment = WordingField(load_default=None)
    other_card = WordingField(load_default=None)
    withdrawal_subject = WordingField(load_default=None)
    withdrawal = WordingField(load_default=None)


class EscalationCaseForm(Strict):
    """One of ``escalation``: who is told by this step if nobody acts; ``hours`` are after the deadline.

    ``subject`` and ``text`` are those of the step, placeholders as they are written.
    """

    step = filled(required=True)
    to = list_of(filled(), required=True)
    subject = WordingField(load_default=None)
    text = WordingField(load_default=None)
    hours = fields.Integer(strict=True, load_default=None, error_messages={"invalid": "нужно целое число часов"})


class CaseForm(Strict):
    """[[case]] in cases.toml."""

    name = filled(required=True)
    paragraph = filled(load_default=None)
    facts = any_table(load_default=dict)
    call = any_table(load_default=dict)
    card = any_table(load_default=dict)
    called_at = MomentField(load_default=None)
    outcome = filled(load_default=None)
    next = filled(load_default=None)
    say = WordingField(load_default=None)
    hint = WordingField(load_default=None)
    read = WordingField(load_default=None)
    answers = list_of(fields.Raw(), load_default=None)
    comment = WordingField(load_default=None)
    remind = _names()
    reminder = WordingField(load_default=None)
    subject = filled(load_default=None)
    due_in_hours = hours(load_default=None)
    due = MomentField(load_default=None)
    email = flag(load_default=None)
    target = fields.String(load_default=None, error_messages={"invalid": "нужно имя в кавычках"})
    error = filled(load_default=None)
    transcript = _names()
    rules = _names()
    label = filled(load_default=None)
    title = filled(load_default=None)
    promise_hours = hours(load_default=None)
    persons = _names()
    target_phone = filled(load_default=None)
    labels = any_table(load_default=None)
    other_client = table(OtherClientCaseForm, load_default=None)
    unfinished = table(UnfinishedCaseForm, load_default=None)
    then = table(ThenForm, load_default=None)
    escalation = list_of(table(EscalationCaseForm), load_default=None)


class CasesForm(Strict):
    """cases.toml."""

    case = list_of(table(CaseForm), required=True)


def build_cases(
    name: str,
    content: Any,
    script: Script | None,
    roles: Collection[str] | Mapping[str, Role],
    faults: Faults,
    source: TomlSource | None = None,
) -> tuple[Case, ...]:
    """The cases of the script ``name``; faults are noted, not raised. Without a ``script`` only the form is checked."""
    file = f"{name}/{CASES_FILE}"
    try:
        forms = CasesForm().load(content)["case"]
    except ValidationError as error:
        faults.add_form(file, messages_by_field(error))
        return ()
    return () if script is None else _Reader(script, roles, file, faults, source).read(forms)


class _Reader:
    def __init__(
        self, script: Script, roles: Collection[str], file: str, faults: Faults, source: TomlSource | None
    ) -> None:
        self._script = script
        self._roles = roles
        self._file = file
        self._faults = faults
        self._source = source
        self._rules = [*(question.id for question in script.questions), *(rule.id for rule in script.rules)]
        self._by_field: dict[str, list[str]] = {}
        for fact in script.facts.values():
            if fact.source:
                self._by_field.setdefault(fact.source, []).append(fact.name)

    def read(self, forms: list[dict[str, Any]]) -> tuple[Case, ...]:
        seen: set[str] = set()
        cases = []
        for index, form in enumerate(forms):
            place: Place = ("case", index)
            if form["name"] in seen:
                self._add((*place, "name"), f"случай «{form['name']}» уже есть", "назовите иначе")
            seen.add(form["name"])
            self._check(form, place)
            cases.append(self._case(form, place))
        return tuple(cases)

    def _case(self, form: Mapping[str, Any], place: Place) -> Case:
        facts = dict(form["facts"])
        # As in a decision without a call: what the case does not say stands in the texts by its label.
        context = dict(LABELS)
        for field, value in self._fields(form):
            for fact in self._by_field.get(field, ()):
                facts.setdefault(fact, value)
            if field in CALL_PLACEHOLDERS:
                context[field] = str(value)
        wanted: dict[str, Any] = {name: _frozen(form[name]) for name in EXPECTATIONS}
        line = self._source.line(place) if self._source else 0
        return Case(
            script=self._script.name,
            name=form["name"],
            paragraph=form["paragraph"],
            file=self._file,
            line=line,
            facts=facts,
            context=context,
            expected=Expected(**wanted),
            called_at=form["called_at"],
        )

    def _fields(self, form: Mapping[str, Any]) -> list[tuple[str, Any]]:
        return [(f"{table}.{key}", value) for table in _CALL_TABLES for key, value in form[table].items()]

    # --- checking ----------------------------------------------------------------------------------

    def _check(self, form: Mapping[str, Any], place: Place) -> None:
        given = [name for name in EXPECTATIONS if form[name] is not None]
        if not given:
            self._add(place, "не сказано, чего ожидать", f"задайте что-нибудь из: {', '.join(EXPECTATIONS)}")
        if form["error"] is not None and len(given) > 1:
            others = ", ".join(name for name in given if name != "error")
            self._add((*place, "error"), "отвергнутый ответ не даёт решения", f"уберите {others}")
        if form["outcome"] is not None and form["next"] not in (None, *self._script.optional_facts):
            self._add((*place, "next"), "разговор либо закончен, либо продолжается", "оставьте outcome или next")
        if form["called_at"] is None and (form["due"] or (form["unfinished"] or {}).get("due")):
            self._add((*place, "due"), "не сказано, когда кончился звонок", "задайте called_at")
        self._check_names(form, place)
        self._check_fields(form, place)

    def _check_names(self, form: Mapping[str, Any], place: Place) -> None:
        facts, error = self._script.facts, form["error"]
        for name in form["facts"]:
            # A fact that does not exist may be what the case expects to be refused.
            if name != error:
                self._known(name, facts, (*place, "facts"), "факт")
        if error is not None and error not in form["facts"]:
            self._known(error, facts, (*place, "error"), "факт")
        for key, known, what in (
            ("outcome", self._script.outcomes, "итог"),
            ("next", facts, "факт"),
            ("transcript", facts, "факт"),
            ("remind", self._roles, "роль"),
            ("rules", self._rules, "правило"),
        ):
            value = form[key]
            for name in value if isinstance(value, list) else [] if value is None else [value]:
                self._known(name, known, (*place, key), what)
        self._check_nested(form, place)

    def _check_nested(self, form: Mapping[str, Any], place: Place) -> None:
        then, unfinished = form["then"] or {}, form["unfinished"] or {}
        for key, names in (("then", then.get("facts", ())), ("labels", form["labels"] or ())):
            for name in names:
                self._known(name, self._script.facts, (*place, key), "факт")
        if then.get("outcome"):
            self._known(then["outcome"], self._script.outcomes, (*place, "then", "outcome"), "итог")
        steps = [step.id for step in self._script.escalation]
        for number, one in enumerate(form["escalation"] or ()):
            self._known(one["step"], steps, (*place, "escalation", number, "step"), "шаг")
        for role in unfinished.get("remind") or ():
            self._known(role, self._roles, (*place, "unfinished", "remind"), "роль")

    def _check_fields(self, form: Mapping[str, Any], place: Place) -> None:
        known = {*self._by_field, *(name for name in CALL_PLACEHOLDERS if "." in name)}
        for field, _ in self._fields(form):
            table, _, key = field.partition(".")
            if field not in known:
                self._add((*place, table), f"неизвестное поле «{field}»", closest(field, known))
            doubled = [fact for fact in self._by_field.get(field, ()) if fact in form["facts"]]
            if doubled:
                what = f"«{key}» уже дано в facts как «{doubled[0]}»"
                self._add((*place, table), what, "оставьте одно из двух")

    def _known(self, name: str, known: Collection[str], place: Place, what: str) -> None:
        if name not in known:
            gender = "неизвестное" if what == "правило" else "неизвестная" if what == "роль" else "неизвестный"
            self._add(place, f"{gender} {what} «{name}»", closest(name, known))

    def _add(self, place: Place, what: str, hint: str) -> None:
        self._faults.add(self._file, place, what, hint)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
