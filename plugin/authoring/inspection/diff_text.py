"""The differences between two states of the rules for a terminal, at most 80 columns wide, and as JSON for tools.

The lines of the files themselves are shown as they are, however long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from plugin.authoring.inspection.compare import ConversationChange
from plugin.authoring.inspection.diff import BehaviourChange, Differences, ScriptDifferences
from plugin.authoring.inspection.wording import among_conversations, conversations_counted
from plugin.common.terminal import clean, wrapped

_STATES = {"new": "новый скрипт", "gone": "скрипта больше нет"}
_TITLES = {
    "only_old": "Таких разговоров больше не будет",
    "only_new": "Новые разговоры",
    "role_new": "Новая роль",
    "role_gone": "Роли больше нет",
}
#: A file on one side only is shown with its text up to so many lines.
_LONGEST_WHOLE = 40
#: Labels of outcomes named with one change.
_NAMED = 6


def page(found: Differences, old: str, new: str) -> str:
    """All of it; ``old`` and ``new`` say what is compared."""
    return "\n".join(_page(found, old, new))


def behaviour(found: Differences, most: int) -> Iterator[str]:
    """What would be done otherwise, at most ``most`` changes of it; nothing of the files' texts."""
    left, hidden = most, 0
    for script in found.scripts:
        shown = script.changes[:left]
        hidden += len(script.changes) - len(shown)
        left -= len(shown)
        yield from _script(replace(script, changes=shown))
    if found.roles:
        shown = list(found.roles[:left])
        hidden += len(found.roles) - len(shown)
        yield "Роли и получатели"
        for change in shown:
            yield from _change(change)
    if hidden:
        yield from wrapped(f"… и ещё изменений: {hidden}", 2)


def as_json(found: Differences, old: str, new: str) -> dict[str, Any]:
    """All of it for tools."""
    return {
        "old": {"name": old, "ruleset": found.old},
        "new": {"name": new, "ruleset": found.new},
        "alike": found.alike,
        "scripts": [
            {"script": script.name}
            | {name: getattr(script, name) for name in ("title", "state", "compared", "different", "cut")}
            | {"changes": [_change_json(change) for change in script.changes]}
            for script in found.scripts
        ],
        "roles": [_change_json(change) for change in found.roles],
        "files": dict(found.files),
    }


def _page(found: Differences, old: str, new: str) -> Iterator[str]:
    yield from wrapped(f"{old}, редакция {found.old}", first="Было:  ")
    yield from wrapped(f"{new}, редакция {found.new}", first="Стало: ")
    yield ""
    if found.alike:
        yield from _alike(found)
    for script in found.scripts:
        yield from [*_script(script), ""]
    if found.roles:
        yield "Роли и получатели"
        for change in found.roles:
            yield from _change(change)
        yield ""
    if found.files:
        yield "Тексты файлов"
        for text in found.files.values():
            yield from ("", *_file(text.split("\n")))


def _file(lines: Sequence[str]) -> Iterator[str]:
    """The differences of one file; one that is new, or gone, is only named where it is long."""
    if len(lines) > _LONGEST_WHOLE and (lines[2].startswith("@@ -0,0 ") or lines[2].endswith(" +0,0 @@")):
        yield from (*(clean(line) for line in lines[:2]), f"  строк: {len(lines) - 3}")
    else:
        yield from (clean(line) for line in lines)


def _alike(found: Differences) -> Iterator[str]:
    if not found.files:
        yield "Различий нет."
    elif found.old == found.new:
        yield from wrapped("Правила те же: различаются только примечания и оформление файлов.")
        yield ""
    else:
        yield from wrapped("Ни один разговор не изменится: те же вопросы, итоги, тексты и получатели.")
        yield ""


def _script(script: ScriptDifferences) -> Iterator[str]:
    yield from wrapped(f"{script.title} ({script.name})")
    if script.state in _STATES:
        yield f"  {_STATES[script.state]}"
        return
    if script.different:
        yield from wrapped(f"Пойдут или закончатся иначе: {script.different} {among_conversations(script.compared)}", 2)
    else:
        yield "  Разговоры те же"
    if script.cut:
        yield from wrapped(
            f"Сравнены не все разговоры, а первые {script.compared}: скрипт слишком велик", 2, first="! "
        )
    for change in script.changes:
        yield from ("", *_change(change))


def _change(change: BehaviourChange) -> Iterator[str]:
    title = f"{_TITLES[change.kind]}: {change.what}" if change.kind in _TITLES else change.what
    count = f" — {conversations_counted(change.conversations)}" if change.conversations else ""
    yield from wrapped(title + count, 2)
    if change.kind not in ("only_old", "only_new"):
        yield from _sides(change, 4)
    if change.outcomes:
        named = list(change.outcomes)
        more = f" и ещё {len(named) - _NAMED}" if len(named) > _NAMED else ""
        yield from wrapped(f"итог: {'; '.join(named[:_NAMED])}{more}", 4)
    for detail in change.details:
        yield from wrapped(f"{detail.what}:", 4)
        yield from _sides(detail, 6)
    if change.example:
        yield from wrapped(f"например: {change.example}", 4)


def _sides(change: BehaviourChange | ConversationChange, indent: int) -> Iterator[str]:
    for mark, side in (("было:  ", change.old), ("стало: ", change.new)):
        first = mark
        for line in (side if side is not None else "нет").split("\n"):
            yield from wrapped(line, indent, first=first)
            first = " " * len(mark)


def _change_json(change: BehaviourChange) -> dict[str, Any]:
    body = _sides_json(change)
    if change.conversations is not None:
        body |= {"conversations": change.conversations, "outcomes": list(change.outcomes), "example": change.example}
    if change.details:
        body["details"] = [_sides_json(detail) for detail in change.details]
    return body


def _sides_json(change: BehaviourChange | ConversationChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in ("kind", "what", "old", "new")}
