"""Types facts strictly: a bool is a bool, never 1 or "true"; JSON null is a missing fact. And spells them for texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from plugin.common import suggest
from plugin.common.fields import StrictBool, messages_by_field
from plugin.common.text import Cleaned, TextFlaw, clean
from plugin.deciding.ruleset.conditions import fits_type
from plugin.deciding.ruleset.model import Fact
from plugin.deciding.ruleset.value_classes import parse
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, FactError

MAX_TEXT = 500
_TEXT_RULE = f"text of 1 to {MAX_TEXT} characters, not blank, without control characters"


class FilledText(fields.Field[str]):
    """Text that is not blank and holds no control characters; for the rest, ``plugin.common.text`` cleans it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        cleaned = clean(value) if isinstance(value, str) else Cleaned("")
        if not cleaned.text or len(cleaned.text) > MAX_TEXT or TextFlaw.CONTROL in cleaned.what:
            raise ValidationError(_TEXT_RULE)
        return cleaned.text


class FactTyper:
    """Types the facts of one script's vocabulary."""

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self._facts = facts
        self._schema = Schema.from_dict({name: _field(fact) for name, fact in facts.items()}, name="Facts")(
            unknown=RAISE
        )

    def type(self, raw: Mapping[str, Any]) -> dict[str, FactValue]:
        """The facts typed, nulls left out. Raises BadFacts naming each wrong one and what is allowed."""
        known = {name: value for name, value in raw.items() if value is not None or name not in self._facts}
        if not known:
            # Most calls bring nothing by a mapped field; asking the schema costs more than all else here.
            return {}
        try:
            return dict(self._schema.load(known))
        except ValidationError as error:
            messages = messages_by_field(error)
            raise BadFacts([self._error(name, raw.get(name), messages[name]) for name in messages]) from error

    def _error(self, name: str, given: object, messages: list[str]) -> FactError:
        if name in self._facts:
            return FactError(name, given, messages[0])
        close = suggest.closest(name, self._facts)
        meant = f"did you mean {close}? " if close else ""
        return FactError(name, given, f"{meant}facts of this script: {', '.join(self._facts)}")


class Comparable(fields.Field[FactValue]):
    """A number, a date (2026-11-22) or a time with its offset (2026-11-22T10:15:00+03:00), within its bounds."""

    def __init__(self, fact: Fact) -> None:
        super().__init__()
        self._fact = fact

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> FactValue:
        if not fits_type(self._fact.type, value) or not self._inside(parse(self._fact.type, value)):
            raise ValidationError(self._rule())
        return value  # type: ignore[no-any-return]

    def _inside(self, value: Any) -> bool:
        least, most = (None if b is None else parse(self._fact.type, b) for b in (self._fact.least, self._fact.most))
        return (least is None or value >= least) and (most is None or value <= most)

    def _rule(self) -> str:
        kind = {"number": "a number", "date": "a date, 2026-11-22", "datetime": "a time, 2026-11-22T10:15:00+03:00"}
        bounds = [f"from {self._fact.least}"] * (self._fact.least is not None)
        bounds += [f"to {self._fact.most}"] * (self._fact.most is not None)
        return " ".join([kind[self._fact.type], *bounds])


def spelt(fact: Fact, value: FactValue) -> str:
    """The value as texts spell it: ``да``, ``8,5``, ``22.11.2026``, ``22.11.2026 10:15 (UTC+03:00)``."""
    if isinstance(value, bool):
        return "да" if value else "нет"
    if isinstance(value, int | float):
        return str(int(value) if value == int(value) else value).replace(".", ",")
    if fact.type == "datetime":
        moment = datetime.fromisoformat(value)
        return f"{moment:%d.%m.%Y %H:%M} ({moment.tzinfo})"
    return f"{date.fromisoformat(value):%d.%m.%Y}" if fact.type == "date" else value


def _field(fact: Fact) -> fields.Field[Any]:
    if fact.type == "bool":
        return StrictBool(wrong="true, false")
    if fact.type == "choice":
        allowed = ", ".join(fact.values)
        # OneOf compares with ``==``; the values are text, so that nothing else can equal them.
        return fields.Raw(validate=validate.OneOf(fact.values, error=allowed))
    return FilledText() if fact.type == "text" else Comparable(fact)
