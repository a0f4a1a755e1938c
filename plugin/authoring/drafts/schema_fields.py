"""What a field of the rules may hold, by the forms that the rules are read with: a text, a number, a list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from marshmallow import Schema, fields, validate

from plugin.common.fields import StrictBool, WholeNumber
from plugin.common.toml.source import Place
from plugin.deciding.ruleset.cases import CasesForm
from plugin.deciding.ruleset.schema import (
    CALENDAR_FILE,
    CASES_FILE,
    ROLES_FILE,
    SCRIPT_FILES,
    CalendarFileForm,
    RolesForm,
)

_SHARED: dict[str, type[Schema]] = {ROLES_FILE: RolesForm, CALENDAR_FILE: CalendarFileForm}


@dataclass(frozen=True, slots=True)
class FieldForm:
    """How a field is filled in. ``kind``: text, flag, number, list, or data for what no single field of a page holds.

    ``required``: it has to stand in its table. ``choices``: all that it may say, where that is listed.
    """

    kind: str
    required: bool
    choices: tuple[str, ...] = ()


@lru_cache(4_096)
def form_of(file: str, place: Place) -> FieldForm | None:
    """The form of a field, or None where the rules have no such field."""
    found: Any = _file_form(file)
    for part in place:
        found = _inner(found, part)
        if found is None:
            return None
    return _described(found) if isinstance(found, fields.Field) else None


def _file_form(file: str) -> Any:
    name = file.rpartition("/")[2]
    form = _SHARED.get(file) or (CasesForm if name == CASES_FILE else SCRIPT_FILES.get(name))
    return form() if form else None


def _inner(form: Any, part: str | int) -> Any:
    if isinstance(form, fields.Nested):
        form = form.schema
    if isinstance(form, Schema):
        return next((one for name, one in form.fields.items() if (one.data_key or name) == part), None)
    if isinstance(form, fields.List):
        return form.inner if isinstance(part, int) else None
    if isinstance(form, fields.Dict):
        return form.value_field or fields.Raw()
    # What stands in a condition is known to nobody but the vocabulary.
    return form if isinstance(form, fields.Raw) else None


def _described(form: fields.Field[Any]) -> FieldForm:
    choices = tuple(form.validate.choices) if isinstance(form.validate, validate.OneOf) else ()
    if isinstance(form, StrictBool):
        kind = "flag"
    elif isinstance(form, WholeNumber):
        kind = "number"
    elif isinstance(form, fields.List) and not isinstance(form.inner, fields.Nested):
        kind = "list"
        if isinstance(form.inner.validate, validate.OneOf):
            choices = tuple(form.inner.validate.choices)
    elif isinstance(form, (fields.Nested, fields.Dict, fields.List, fields.Raw)):
        kind = "data"
    else:
        kind = "text"
    return FieldForm(kind, form.required, choices)
