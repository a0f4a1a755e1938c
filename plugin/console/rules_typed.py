"""What people typed into a form of the rules: each field's text, and of a field ``name[]`` its lines."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.errors import InputError

Form = Mapping[str, str]


def needed(form: Form, name: str, what: str) -> str:
    """What was typed into a field. Raises InputError where nothing was."""
    text = form.get(name, "").replace("\r\n", "\n").strip()
    if not text:
        raise InputError(f"Не заполнено: {what}", hint="Вернитесь и впишите")
    return text


def lines_of(form: Form, name: str) -> list[str]:
    """What was chosen of several."""
    return [line for line in form.get(name, "").split("\n") if line]
