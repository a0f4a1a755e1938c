"""marshmallow fields that take exactly their type: true is a bool, 1 and "true" are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

#: marshmallow's own type for a field's messages.
Messages = dict[str, str | list[Any] | dict[Any, Any]]


class StrictBool(fields.Field[bool]):
    """true or false, nothing that merely looks like it."""

    def __init__(self, *, wrong: str = "must be true or false", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._wrong = wrong

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError(self._wrong)
        return value


class WholeNumber(fields.Field[int]):
    """An int between ``least`` and ``most``."""

    def __init__(self, *, least: int, most: int, wrong: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._least, self._most, self._wrong = least, most, wrong

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self._least <= value <= self._most:
            raise ValidationError(self._wrong)
        return value


def messages_by_field(error: ValidationError) -> dict[str, Any]:
    """What marshmallow found wrong, by field (its own method is untyped)."""
    return dict(error.normalized_messages())  # type: ignore[no-untyped-call]
