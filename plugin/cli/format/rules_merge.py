"""How fields of the rules are told that changed, or that two people changed: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from plugin.authoring.merging import ABSENT, FieldConflict, RulesChange
from plugin.common.terminal import paragraph, wrapped
from plugin.common.toml.writer import literal

if TYPE_CHECKING:
    from plugin.authoring.revisions.candidate import RulesCandidate

#: Fields shown at once; more are only counted.
_SHOWN = 40
#: Of a value, in characters: enough to tell two apart.
_LONGEST = 300


def conflicts_told(found: Sequence[FieldConflict], mine: str, theirs: str) -> Iterator[str]:
    """Every field that two people changed, with what it was and both values; ``mine`` and ``theirs`` name the sides."""
    for one in found:
        yield from paragraph(_where(one.file, one.place), 2)
        width = max(len(mine), len(theirs), len("было")) + 1
        for name, value in (("было", one.base), (mine, one.mine), (theirs, one.theirs)):
            yield from wrapped(_value(value), 4, first=f"{name}:".ljust(width + 1))


def changes_told(found: Sequence[RulesChange]) -> Iterator[str]:
    """Fields with their two values; one change in many places of a file is told once."""
    groups: dict[tuple[str, ...], list[RulesChange]] = {}
    for one in found:
        groups.setdefault((one.file, _value(one.old), _value(one.new)), []).append(one)
    for (file, old, new), alike in list(groups.items())[:_SHOWN]:
        more = f" (и ещё мест: {len(alike) - 1})" if len(alike) > 1 else ""
        yield from paragraph(f"{_where(file, alike[0].place)}{more}", 2)
        yield from wrapped(old, 4, first="было:  ")
        yield from wrapped(new, 4, first="стало: ")
    if len(groups) > _SHOWN:
        yield f"  … и ещё изменений: {len(groups) - _SHOWN}"


def merged_told(candidate: RulesCandidate) -> Iterator[str]:
    """What others published since, and what became of it."""
    over = candidate.over
    if over is None:
        return
    if candidate.brought:
        told = f"Объединено с редакцией {over.revision} ({over.by}), которой в папке не было; из неё взято:"
        yield from paragraph(told)
        yield from changes_told(candidate.brought)
    if candidate.overruled:
        yield from paragraph(f"Вместо значений редакции {over.revision} ({over.by}) оставлены значения папки:")
        yield from conflicts_told(candidate.overruled, "папка", "редакция")
    for file, remarks in (candidate.lost_remarks or {}).items():
        yield from paragraph(f"Примечания, для которых не нашлось места, {file}:")
        for remark in remarks:
            yield from wrapped(remark, 4)
    if candidate.people:
        yield from paragraph("Люди остаются сегодняшние; в той редакции было (стало — как сейчас):")
        yield from changes_told(candidate.people)
    if candidate.takes_back_unknown:
        yield from paragraph("Папка не говорит, с какой редакции она начата. Чем она отличается от активной:")
        yield from changes_told(candidate.changes)


def _where(file: str, place: Sequence[str]) -> str:
    told = ""
    for part in place:
        told += f" {part}" if part.startswith("«") else f".{part}" if told else part
    return f"{file}: {told}" if told else file


def _value(value: Any) -> str:
    if value is ABSENT:
        return "нет"
    told = value if isinstance(value, str) else literal(value) if _is_toml(value) else str(value)
    told = " ⏎ ".join(told.strip("\n").split("\n"))
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _is_toml(value: Any) -> bool:
    try:
        literal(value)
    except TypeError:
        return False
    return True
