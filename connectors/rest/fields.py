"""marshmallow fields of a description: templates, paths, structures and conditions, checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length

from connectors.rest.bodies import check_header, structure, template
from connectors.rest.conditions import TESTS, AnyOf, RecordCondition
from connectors.rest.paths import Path
from connectors.rest.syntax import Names, suggestion


class TemplateField(fields.Field[Any]):
    """A text with placeholders; loads as ``Template``."""

    def __init__(self, names: Names, *, path: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._names = names
        self._path = path

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("not a text")
        return template(value, self._names, path=self._path)


class StructureField(fields.Field[Any]):
    """A body: any TOML value whose texts are templates."""

    def __init__(self, names: Names, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._names = names

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict | list):
            raise ValidationError("neither a table nor a list")
        return structure(value, self._names)


class PairsField(StructureField):
    """A query or a form: a table of texts with placeholders, numbers, or lists of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("not a table")
        nested = {
            key: ["holds a table; allowed: a text, a number or a list of them"]
            for key, part in value.items()
            if isinstance(part, dict) or (isinstance(part, list) and any(isinstance(one, dict | list) for one in part))
        }
        if nested:
            raise ValidationError(nested)
        return structure(value, self._names)


class HeadersField(PairsField):
    """Further headers of a request."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        made = super()._deserialize(value, attr, data, **kwargs)
        wrong = {}
        for name, header in made.items():
            try:
                check_header(name, header)
            except ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return made


class PathField(fields.Field[Any]):
    """Where a value stands in a CRM's JSON; loads as ``Path``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return parsed_path(value)


class IdField(PathField):
    """Where a written record's id stands: a path in the answer, or ``{ header = "Location" }``, which loads as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            return super()._deserialize(value, attr, data, **kwargs)
        header = value.get("header")
        if set(value) != {"header"} or not isinstance(header, str) or not header:
            raise ValidationError("neither a path nor { header = 'Location' }")
        return header


class PathsField(fields.Field[Any]):
    """One path or a list of them; loads as a tuple."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(parsed_path(one) for one in (value if isinstance(value, list) else [value]))


class AfterField(fields.Field[Any]):
    """How long to wait: seconds, or the path of them in the answer."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if not 0 <= value <= 86_400:
                raise ValidationError("not between 0 and 86400 seconds")
            return float(value)
        return parsed_path(value)


class ConditionsField(fields.List[Any]):
    """A list of conditions, all of which must hold; loads as a tuple."""

    def __init__(self, names: Names, *, problems: bool = False, **kwargs: Any) -> None:
        """``problems``: whether a condition may say what is wrong where it does not hold."""
        if not kwargs.get("required"):
            kwargs.setdefault("load_default", ())
        super().__init__(_ConditionField(names, problems=problems), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class _ConditionField(fields.Field[Any]):
    def __init__(self, names: Names, *, problems: bool) -> None:
        super().__init__()
        self._names = names
        self._problems = problems

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError("not a table such as { path = 'status', equals = 'open' }")
        if "any" in value:
            return self._any(value)
        known = ("path", *(["problem"] if self._problems else []), *TESTS)
        wrong = {key: [f"unknown key{suggestion(key, known)}"] for key in value if key not in known}
        if wrong:
            raise ValidationError(wrong)
        given = [test for test in TESTS if test in value]
        if "path" not in value or len(given) != 1:
            raise ValidationError(f"a condition has a path and exactly one of: {', '.join(TESTS)}")
        return RecordCondition(
            _of("path", value, parsed_path),
            given[0],
            _of(given[0], value, lambda wanted: self._wanted(given[0], wanted)),
            _of("problem", value, _text),
        )

    def _any(self, value: Mapping[str, Any]) -> AnyOf:
        known = ("any", *(["problem"] if self._problems else []))
        wrong = {key: [f"has no effect beside any{suggestion(key, known)}"] for key in value if key not in known}
        if wrong:
            raise ValidationError(wrong)
        if not isinstance(value["any"], list) or len(value["any"]) < 2:
            raise ValidationError({"any": ["allowed: a list of two conditions or more"]})
        inner = ConditionsField(self._names)
        found = _of("any", value, inner.deserialize)
        return AnyOf(found, _of("problem", value, _text))

    def _wanted(self, test: str, wanted: Any) -> Any:
        if test == "marked" and "key" not in self._names:
            raise ValidationError("no effect here: there is no key whose mark could stand in the text")
        if test in ("present", "marked"):
            if not isinstance(wanted, bool):
                raise ValidationError("allowed: true, false")
            return wanted
        if test in ("one_of", "none_of") or (test == "contains" and isinstance(wanted, list)):
            if not isinstance(wanted, list) or not wanted or any(isinstance(one, dict | list) for one in wanted):
                raise ValidationError("allowed: a list of values")
            return structure(wanted, self._names)
        if isinstance(wanted, dict | list) or wanted == "":
            raise ValidationError("allowed: a text with something in it, a number, true or false")
        return structure(wanted, self._names)


def _of(key: str, table: Mapping[str, Any], load: Any) -> Any:
    try:
        return load(table.get(key, ""))
    except ValidationError as error:
        raise ValidationError({key: error.messages}) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("not a text")
    return value


def parsed_path(value: Any) -> Path:
    """The path. Raises ValidationError."""
    if not isinstance(value, str):
        raise ValidationError("not a path such as task.contacts[0].id")
    if "{{" in value:
        raise ValidationError("a path holds no placeholders")
    try:
        return Path.parse(value)
    except ValueError as error:
        raise ValidationError(f"the path {error}") from None


def words(**kwargs: Any) -> fields.String:
    """A text with something in it."""
    return fields.String(validate=Length(min=1), **kwargs)
