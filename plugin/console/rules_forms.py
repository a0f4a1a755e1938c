"""Fields of the console's rule pages: what each says in the draft and in the active rules, and its faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugin.authoring.drafts.addresses import address_of, value_at
from plugin.authoring.drafts.checking import DraftCheck
from plugin.authoring.drafts.schema_fields import FieldForm, form_of
from plugin.common.toml.source import Place
from plugin.console.rules_days import DAYS, period_shown
from plugin.console.rules_words import FIELD_WORDS, RulesWords, table
from plugin.deciding.ruleset.schema import ROLES_FILE
from plugin.errors import Fault

#: Fields that are written over several lines.
_AREAS = frozenset(
    {"say", "read", "hint", "text", "details", "comment", "reminder", "other_card", "withdrawal", "line"}
)
#: What a choice is called, where its own word is not for people.
_CHOICES: Mapping[str, str] = {
    "calls": "звонки с опросом",
    "mailings": "рассылки",
    "client": "о клиенте карточки",
    "number": "о самом номере",
    "hours": "по часам",
    "working": "в рабочее время, раньше срока",
    "smtp": "плагин",
    "crm": "CRM",
    "both": "и плагин, и CRM",
    "comment": "комментарий в карточку",
    "reminder": "напоминание",
    "mon": "пн",
    "tue": "вт",
    "wed": "ср",
    "thu": "чт",
    "fri": "пт",
    "sat": "сб",
    "sun": "вс",
    "person": "тому, чьё напоминание не исполнено",
    "mail": "письмо",
    "task": "задача в CRM",
    "webhook": "туда же, куда оповещения о сбоях",
}


@dataclass(frozen=True, slots=True)
class RuleField:
    """A field of a form. ``kind``: line, area, number, flag, choice, choices or lines.

    ``value`` is as the form shows it: a text, or for ``choices`` those that are chosen. ``was`` goes back with the form
    and tells whether somebody has changed the field meanwhile. ``active``: what is active, where it differs.
    """

    address: str
    label: str
    kind: str
    value: Any
    was: str
    required: bool
    choices: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    active: str | None = None
    is_changed: bool = False

    @property
    def id(self) -> str:
        """For labels and links of a page."""
        return "f-" + hashlib.sha256(self.address.encode()).hexdigest()[:10]


@dataclass(slots=True)
class RuleCard:
    """A form of a page: fields that belong together, and what stands around them.

    ``lines``: what it says in words. ``inside``: cards in it. ``entry``: the address by which it can be taken out.
    """

    kind: str
    anchor: str
    title: str
    subtitle: str = ""
    fields: list[RuleField] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    inside: list[RuleCard] = field(default_factory=list)
    entry: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def is_changed(self) -> bool:
        """Whether something in it differs from the active rules."""
        return any(one.is_changed for one in self.fields) or any(one.is_changed for one in self.inside)

    @property
    def is_faulty(self) -> bool:
        """Whether something in it is at fault."""
        return bool(self.faults) or any(one.faults for one in self.fields) or any(c.is_faulty for c in self.inside)


def anchor(*parts: object) -> str:
    """A fragment of an address that stays the same while the rest of a page changes."""
    return "c-" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:10]


def fingerprint(value: Any) -> str:
    """Tells one value of a field from another."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()[:12]


class FormMaker:
    """Makes the fields and cards of one draft; every fault is told once, as near to its field as it is known."""

    def __init__(self, check: DraftCheck, active: Mapping[str, Any], script: str) -> None:
        self.check = check
        self.script = script
        self.words = RulesWords(check.content, script)
        self._active = active
        self._told: set[int] = set()

    def own(self, name: str) -> str:
        """A file of the script."""
        return f"{self.script}/{name}"

    def field(self, file: str, place: Place, label: str | None = None) -> RuleField:
        """The field at a place of a file, whether it is there or not."""
        form = form_of(file, place) or FieldForm("text", required=False)
        value, active = self.check.value(file, place), value_at(self._active, file, place)
        key = str(place[-1])
        return RuleField(
            address_of(file, place, self.script, self.check.content),
            label or FIELD_WORDS.get(key, key),
            (kind := _kind(form, key)),
            _shown(kind, _in_words(key, value)),
            fingerprint(value),
            form.required,
            self._choices(form, key, value),
            tuple(map(told, self.check.around(file, place, self._told))),
            self._worded(form, active) if active not in (value, None) else None,
            active != value and not self._is_of_new_script(file),
        )

    def _is_of_new_script(self, file: str) -> bool:
        """Whether nothing is active that its fields could differ from."""
        script, _, _ = file.rpartition("/")
        return bool(script) and f"{script}/script.toml" not in self._active

    def fields(self, file: str, place: Place, keys: Iterable[str]) -> list[RuleField]:
        """Several fields of a table."""
        return [self.field(file, (*place, key)) for key in keys]

    def rest(self, file: str, place: Place) -> list[str]:
        """The faults of a table that none of its fields has told."""
        return list(map(told, self.check.around(file, place, self._told)))

    def left(self) -> list[Fault]:
        """The faults that no field and no card has told."""
        return [fault for fault in self.check.faults if id(fault) not in self._told]

    def _choices(self, form: FieldForm, key: str, value: Any) -> tuple[tuple[str, str], ...]:
        if key in ("roles", "role"):
            roles = table(self.check.content.get(ROLES_FILE), "role")
            return tuple((name, self.words.role(name)) for name in _with(roles, value))
        if key == "outcome":
            outcomes = table(self.words.file("outcomes.toml"), "outcome")
            return tuple((name, self.words.outcome(name)) for name in _with(outcomes, value))
        if key == "optional":
            return (("", "нет, нужен ответ"), ("true", "да"))
        if form.kind == "flag":
            return (("", "как у всех"), ("true", "да"), ("false", "нет"))
        blank = "получателям, отмеченным ниже" if key == "to" else "не задано"
        none = () if form.required or form.kind == "list" else (("", blank),)
        return (*none, *((one, _CHOICES.get(one, one)) for one in form.choices))

    def _worded(self, form: FieldForm, value: Any) -> str:
        if value is None:
            return "не задано"
        if isinstance(value, list):
            return ", ".join(_CHOICES.get(str(one), self.words.role(period_shown(str(one)))) for one in value)
        return "да" if value is True else "нет" if value is False else str(value)


def told(fault: Fault) -> str:
    """A fault beside its field: what is wrong and what to do."""
    return f"{fault.what} — {fault.hint}" if fault.hint else fault.what


def _with(known: Mapping[str, Any], value: Any) -> list[str]:
    """The names that there are, and those that are written although there are none such."""
    written = value if isinstance(value, list) else [value]
    return list(dict.fromkeys([*known, *(str(one) for one in written if one is not None)]))


def _kind(form: FieldForm, key: str) -> str:
    if key in ("role", "outcome"):
        return "choice"
    if key == "roles" or (form.kind == "list" and form.choices):
        return "choices"
    if form.kind == "list":
        return "lines"
    if form.kind == "flag" or (form.kind == "text" and form.choices):
        return "choice"
    if form.kind == "number":
        return "number"
    return "area" if key in _AREAS else "line"


def _in_words(key: str, value: Any) -> Any:
    return [period_shown(str(one)) for one in value] if key in DAYS and isinstance(value, list) else value


def _shown(kind: str, value: Any) -> Any:
    if kind in ("choices", "lines"):
        listed: Sequence[Any] = value if isinstance(value, list) else [] if value is None else [value]
        return [str(one) for one in listed] if kind == "choices" else "\n".join(map(str, listed))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
