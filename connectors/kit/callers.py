"""Whose number a call result names, out of the fields of a CRM that may hold it."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.kit.phones import numbers_in


def caller(field: object, others: Iterable[object] = ()) -> str | None:
    """The call's own field as it is written, if it holds a number; else the first of the ``others`` that does.

    Where none does, what stands in the call's own field: a hidden caller is told as one. None for an empty field.
    """
    for written in (field, *others):
        if numbers_in(written):
            return str(written).strip()
    return str(field).strip() or None if isinstance(field, str | int | float) and not isinstance(field, bool) else None
