"""The form of the rules files, by marshmallow, with messages in Russian. What refers to what is checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate

from plugin.common.fields import Messages, StrictBool, WholeNumber
from plugin.common.mail_address import UnusableAddress, mail_address
from plugin.deciding.ruleset.faults import meant
from plugin.deciding.ruleset.values import SuppressionScope

_REQUIRED: Messages = {"required": "обязательное поле не задано", "null": "значение не задано"}
#: The name of a role, an outcome, a fact.
NAME = validate.Regexp(
    r"^[a-z][a-z0-9_]*\Z", error="имя «{input}»: допустимы строчные латинские буквы, цифры и «_», первая — буква"
)
_VALUE = validate.Regexp(
    r"^[A-Za-z0-9_.\-]+\Z", error="значение «{input}»: допустимы латинские буквы, цифры, «_», «.», «-»"
)
_SOURCE = validate.Regexp(
    r"^(call|card)\.[a-z][a-z0-9_]*\Z", error="«{input}»: нужно поле события вида call.duration или card.type"
)
_FILLED = validate.Regexp(r"(?s).*\S", error="текст пуст")


def filled(*, valid: validate.Validator = _FILLED, **kwargs: Any) -> fields.String:
    """Filled-in text."""
    return fields.String(validate=valid, error_messages=_REQUIRED | {"invalid": "нужен текст в кавычках"}, **kwargs)


def flag(**kwargs: Any) -> StrictBool:
    """true or false."""
    return StrictBool(wrong="нужно true или false без кавычек", error_messages=_REQUIRED, **kwargs)


def hours(**kwargs: Any) -> WholeNumber:
    """A whole number of hours, up to a year."""
    wrong = "нужно целое число часов от 1 до 8760"
    return WholeNumber(least=1, most=8760, wrong=wrong, error_messages=_REQUIRED, **kwargs)


def list_of(inner: fields.Field[Any], **kwargs: Any) -> fields.List[Any]:
    """A list of one kind of thing, not empty where it is written at all."""
    messages = _REQUIRED | {"invalid": "нужен список в квадратных скобках"}
    return fields.List(inner, validate=validate.Length(min=1, error="список пуст"), error_messages=messages, **kwargs)


def table(form: type[Schema], **kwargs: Any) -> fields.Nested:
    """A TOML table of a fixed form."""
    return fields.Nested(form, error_messages=_REQUIRED | {"type": "нужна таблица"}, **kwargs)


def tables(form: type[Schema], **kwargs: Any) -> fields.Dict:
    """Named TOML tables, ``[fact.NAME]``."""
    messages = _REQUIRED | {"invalid": "нужны таблицы вида [раздел.имя]"}
    return fields.Dict(keys=filled(valid=NAME), values=table(form), error_messages=messages, **kwargs)


def any_table(**kwargs: Any) -> fields.Dict:
    """A table whose keys are checked later, where the vocabulary is known."""
    return fields.Dict(error_messages=_REQUIRED | {"invalid": "нужна таблица в фигурных скобках"}, **kwargs)


class Strict(Schema):
    """Refuses unknown keys and names the closest known one."""

    @pre_load
    def _known_keys(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError("нужна таблица")
        known = {field.data_key or name for name, field in self.fields.items()}
        allowed = f"допустимы: {', '.join(sorted(known))}"
        faults = {key: [f"неизвестное поле; {meant(key, known)}{allowed}"] for key in data if key not in known}
        if faults:
            raise ValidationError(faults)
        return data


def one_scope() -> fields.String:
    """One of the scopes of the suppression list, or none."""
    known = [scope.value for scope in SuppressionScope]
    return filled(valid=validate.OneOf(known, error=f"допустимы: {', '.join(known)}"), load_default=None)


def scopes() -> fields.List[Any]:
    """Some of the scopes of the suppression list."""
    known = [scope.value for scope in SuppressionScope]
    return list_of(filled(valid=validate.OneOf(known, error=f"допустимы: {', '.join(known)}")), load_default=[])


#: How days of the week are written, by ``date.weekday()``.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def due_mode(**kwargs: Any) -> fields.String:
    """How a due time is counted: by the ``hours`` alone, or at the last ``working`` moment before they are over."""
    return filled(valid=validate.OneOf(["hours", "working"], error="допустимы: hours, working"), **kwargs)


FACT_TYPES = ("bool", "choice", "text", "number", "date", "datetime")


class AcceptedForm(Strict):
    """[[accepted]]: a contradiction that is meant; ``fault`` as ``optout rules check`` tells it, and why."""

    fault = filled(required=True)
    why = filled(required=True)


def accepted() -> fields.List[Any]:
    """accepted = [{ fault = "…", why = "…" }]."""
    return list_of(table(AcceptedForm), load_default=[])


class FactForm(Strict):
    """[fact.NAME] in vocabulary.toml. ``from``: the field of the call that brings it along, instead of a question."""

    type = filled(required=True, valid=validate.OneOf(FACT_TYPES, error=f"допустимы: {', '.join(FACT_TYPES)}"))
    label = filled(required=True)
    values = list_of(filled(valid=_VALUE), load_default=[])
    min = fields.Raw(load_default=None)
    max = fields.Raw(load_default=None)
    source = filled(valid=_SOURCE, load_default=None, data_key="from")


class DerivedForm(Strict):
    """[derived.NAME] in vocabulary.toml."""

    label = filled(required=True)
    values = list_of(filled(valid=_VALUE), required=True)


class VocabularyForm(Strict):
    """vocabulary.toml."""

    fact = tables(FactForm, required=True)
    derived = tables(DerivedForm, load_default=dict)


class AnswerForm(Strict):
    """One of a question's answers."""

    value = fields.Raw(required=True, error_messages=_REQUIRED)
    label = filled(required=True)


class QuestionForm(Strict):
    """[[question]] in rules.toml."""

    id = filled(required=True)
    paragraph = filled(required=True)
    when = any_table(load_default=dict)
    fact = filled(required=True)
    say = filled(load_default=None)
    #: How the phrase is read out, where it is written otherwise: abbreviations in full.
    read = filled(load_default=None)
    hint = filled(load_default=None)
    answers = list_of(table(AnswerForm), load_default=[])
    #: Whether the conversation may end without an answer.
    optional = flag(load_default=False)


class TargetForm(Strict):
    """A rule's target: whose card the actions go to."""

    name = filled(required=True)
    phone = filled(required=True)


class RuleForm(Strict):
    """[[rule]] in rules.toml."""

    id = filled(required=True)
    paragraph = filled(required=True)
    when = any_table(required=True)
    conclude = any_table(load_default=dict)
    outcome = filled(load_default=None)
    #: Actions of [[action]] in outcomes.toml, done besides those of the outcome.
    add = list_of(filled(), load_default=[])
    target = table(TargetForm, load_default=None)


class RulesForm(Strict):
    """rules.toml."""

    question = list_of(table(QuestionForm), required=True)
    rule = list_of(table(RuleForm), required=True)


class ActionForm(Strict):
    """[[outcome.NAME.action]] in outcomes.toml, and [[action]], which rules add to whatever outcome is reached."""

    id = filled(required=True)
    kind = filled(required=True, valid=validate.OneOf(["comment", "reminder"], error="допустимы: comment, reminder"))
    text = filled(required=True)
    roles = list_of(filled(), load_default=[])
    when = any_table(load_default=dict)
    subject = filled()
    due_in_hours = hours()
    due = due_mode()
    email = flag()


class OutcomeForm(Strict):
    """[outcome.NAME] in outcomes.toml."""

    label = filled(required=True)
    paragraph = filled(required=True)
    say = filled(load_default=None)
    read = filled(load_default=None)
    #: Whom the outcome is about: the card's client, or the number itself.
    about = filled(load_default="client", valid=validate.OneOf(["client", "number"], error="допустимы: client, number"))
    #: What the number is excluded from, and into what it is taken back, from the decision on.
    suppress = scopes()
    release = scopes()
    action = list_of(table(ActionForm), load_default=[])


class OutcomesForm(Strict):
    """outcomes.toml."""

    outcome = tables(OutcomeForm, required=True)
    action = list_of(table(ActionForm), load_default=[])


class ReminderForm(Strict):
    """[reminder] in script.toml: what all reminders share."""

    subject = filled(required=True)
    due_in_hours = hours()
    due = due_mode(load_default="hours")
    email = flag(load_default=True)
    details = filled(load_default=None)


class UnfinishedForm(Strict):
    """[unfinished] in script.toml."""

    role = filled(load_default=None)
    roles = list_of(filled(), load_default=[])
    subject = filled(required=True)
    due = due_mode(load_default="hours")
    text = filled(required=True)


class CorrectionForm(Strict):
    """[correction] in script.toml."""

    line = filled(required=True)
    reminder = filled(load_default=None)
    comment = filled(required=True)
    other_card = filled(load_default=None)
    withdrawal_subject = filled(required=True)
    withdrawal = filled(required=True)


class OtherClientForm(Strict):
    """[other_client] in script.toml."""

    comment = filled(required=True)
    reminder = filled(required=True)


class WorkHourField(fields.Field[time]):
    """``"09:00"``."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> time:
        try:
            if not isinstance(value, str) or len(value) != len("09:00"):
                raise ValueError
            return time.fromisoformat(value)
        except ValueError:
            raise ValidationError('нужно время вида "09:00"') from None


class PeriodField(fields.Field[tuple[date, date]]):
    """``"2026-12-24/2027-01-08"``: both days belong to it; one day alone is its own period."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[date, date]:
        first, _, last = str(value).partition("/")
        try:
            period = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
        except ValueError:
            raise ValidationError('нужны дни вида "2026-12-24/2027-01-08"') from None
        if period[1] < period[0]:
            raise ValidationError("последний день раньше первого")
        return period


class CalendarForm(Strict):
    """[calendar] in script.toml, or in calendar.toml for every script without one of its own."""

    days = fields.List(
        filled(valid=validate.OneOf(WEEKDAYS, error=f"допустимы: {', '.join(WEEKDAYS)}")),
        required=True,
        error_messages=_REQUIRED | {"invalid": "нужен список в квадратных скобках"},
    )
    from_ = WorkHourField(required=True, data_key="from", error_messages=_REQUIRED)
    to = WorkHourField(required=True, error_messages=_REQUIRED)
    holidays = list_of(PeriodField(), load_default=[])
    working = list_of(PeriodField(), load_default=[])


class CalendarFileForm(Strict):
    """calendar.toml."""

    calendar = table(CalendarForm, required=True)


class ScriptForm(Strict):
    """script.toml."""

    title = filled(required=True)
    promise_hours = hours(required=True)
    #: What a number must not be excluded from if it is called by this script.
    scope = one_scope()
    reminder = table(ReminderForm, required=True)
    unfinished = table(UnfinishedForm, required=True)
    correction = table(CorrectionForm, required=True)
    other_client = table(OtherClientForm, required=True)
    calendar = table(CalendarForm, load_default=None)
    #: By its name: ``ruleset.escalation`` has the form beside what becomes of it.
    escalation = list_of(fields.Nested("EscalationForm"), load_default=[])
    accepted = accepted()


class RoleAddressField(fields.String):
    """A mail address, read as it is read when a mail is sent there."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            mail_address(text)
        except UnusableAddress as error:
            raise ValidationError(f"это не почтовый адрес: {error.russian}") from None
        return text.strip()


class DeputyForm(Strict):
    """``deputy`` of a person: who stands in while they are away."""

    name = filled(required=True)
    crm_user = filled(load_default=None)
    address = RoleAddressField(load_default=None, error_messages=_REQUIRED | {"invalid": "это не почтовый адрес"})


def email_mode(**kwargs: Any) -> fields.String:
    """Who mails a reminder."""
    return filled(valid=validate.OneOf(["crm", "smtp", "both"], error="допустимы: crm, smtp, both"), **kwargs)


class PersonForm(Strict):
    """[[role.NAME.person]] in roles.toml. ``when``: by fields of the call and the card, ``{ card.brand = "Kia" }``."""

    name = filled(required=True)
    crm_user = filled(load_default=None)
    address = RoleAddressField(load_default=None, error_messages=_REQUIRED | {"invalid": "это не почтовый адрес"})
    email = email_mode(load_default=None)
    when = any_table(load_default=dict)
    away = list_of(PeriodField(), load_default=[])
    deputy = table(DeputyForm, load_default=None)


class RoleForm(Strict):
    """[role.NAME] in roles.toml: one person, or several as ``person``."""

    label = filled(required=True)
    crm_user = filled(load_default=None)
    address = RoleAddressField(load_default=None, error_messages=_REQUIRED | {"invalid": "это не почтовый адрес"})
    email = email_mode(load_default="smtp")
    person = list_of(table(PersonForm), load_default=[])


class RolesForm(Strict):
    """roles.toml."""

    role = tables(RoleForm, required=True)
    accepted = accepted()


#: The files of a script folder and their forms.
SCRIPT_FILES: Mapping[str, type[Schema]] = {
    "script.toml": ScriptForm,
    "vocabulary.toml": VocabularyForm,
    "rules.toml": RulesForm,
    "outcomes.toml": OutcomesForm,
}
#: The admin's own cases (``plugin.deciding.ruleset.cases``): part of a revision, but nothing that it decides by.
CASES_FILE = "cases.toml"
#: Files that a script folder may have besides.
OPTIONAL_FILES = (CASES_FILE,)
ROLES_FILE = "roles.toml"
#: A file that a rules folder may have besides: the working days of all scripts, in the table of this name.
CALENDAR_FILE, CALENDAR_TABLE = "calendar.toml", "calendar"
