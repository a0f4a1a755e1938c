"""Another promised term, in every script at once: the numbers, and the words «в течение суток» in every text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.verification.time_limits import with_term
from plugin.common.russian import counted
from plugin.common.toml.source import Place
from plugin.errors import InputError

_MOST = 8760
#: Numbers that say the promised term, or may.
_NUMBERS = ("promise_hours", "due_in_hours")


def change_term(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """Promise this many hours everywhere instead of what the script promises now. Raises InputError (Russian)."""
    typed = form.get("hours", "").strip()
    if not typed.isdecimal() or not 1 <= int(typed) <= _MOST:
        raise InputError("Срок — целое число часов от 1 до 8760", hint="Впишите число цифрами")
    new, old = int(typed), editor.get("script.promise_hours")
    if not isinstance(old, int):
        raise InputError("Нынешний срок скрипта не число", hint="Исправьте его на странице «Сроки и тексты»")
    content = editor.content
    for file in sorted(content):
        promised = (content.get(f"{file.partition('/')[0]}/script.toml") or {}).get("promise_hours")
        if "/" in file and promised == old:
            for place, value in _leaves(content[file]):
                _change(editor, file, place, value, old, new)
    return f"срок {counted(new, 'час', 'часа', 'часов')} вместо {old}"


def _change(editor: DraftEditor, file: str, place: Place, value: Any, old: int, new: int) -> None:
    changed: Any = value
    if place[-1] in _NUMBERS and value == old:
        changed = new
    elif isinstance(value, str):
        changed = with_term(value, old, new)
    if changed != value:
        editor.set_at(file, place, changed)


def _leaves(node: Any, place: Place = ()) -> list[tuple[Place, Any]]:
    if isinstance(node, dict):
        return [leaf for key, inner in node.items() for leaf in _leaves(inner, (*place, key))]
    if isinstance(node, list):
        return [leaf for number, inner in enumerate(node) for leaf in _leaves(inner, (*place, number))]
    return [(place, node)]
