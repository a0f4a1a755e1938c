"""How the commands that change the active rules tell what came of it: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.candidate import ChangeKind
from plugin.authoring.revisions.publish import Publication
from plugin.cli.format.rules import signature
from plugin.cli.format.rules_merge import conflicts_told
from plugin.common.terminal import paragraph
from plugin.errors import RulesConflict

_DONE = {
    ChangeKind.PUBLISH: "Опубликована редакция",
    ChangeKind.ROLLBACK: "Снова активна редакция",
    ChangeKind.REVERT: "Изменения сняты: активна редакция",
}
_BACK = "Вернуть прежнюю: optout rules rollback --by ИМЯ --reason ПРИЧИНА"
_UNDO = "Отменить возврат: optout rules rollback --by ИМЯ --reason ПРИЧИНА"


def trial_told(revision: str) -> list[str]:
    """What is said at the end of a trial."""
    return [f"Редакция {revision} может быть опубликована.", "Это была проба: ничего не изменилось."]


def done_told(done: Publication, zone: ZoneInfo) -> Iterator[str]:
    """Which revision is active now, and how to take that back."""
    assert done.change is not None
    before, kind = done.change.previous, done.candidate.kind
    if done.change.made is None and before is not None:
        what = "возвращать нечего" if kind is ChangeKind.ROLLBACK else "публиковать нечего"
        yield f"Редакция {done.revision} уже активна: {what}."
        yield from paragraph(f"Активна {signature(before, zone)}.", 2)
        yield from _own_nothing(done)
        yield from _left_behind(done)
        return
    yield f"{_DONE[kind]} {done.revision}."
    if done.change.made is not None and done.change.made.approved_by:
        yield from paragraph(f"Согласовано: {', '.join(done.change.made.approved_by)}.")
    if done.change.made is not None and done.change.made.kind == ChangeKind.EMERGENCY:
        yield from paragraph("Экстренно, без согласия другого человека: это отмечено в истории, админам сообщат.")
    if before is None:
        yield "До неё активных правил не было."
        return
    word = "До этого была активна" if kind is ChangeKind.ROLLBACK else "До неё была активна"
    yield from paragraph(f"{word} {before.revision} ({signature(before, zone)}).")
    yield "Работающие процессы перейдут на неё в течение 2 секунд."
    yield from _left_behind(done)
    yield _UNDO if kind is ChangeKind.ROLLBACK else _BACK


def conflict_told(error: RulesConflict, *, reverting: bool = False, command: str = "publish") -> Iterator[str]:
    """The fields that two people changed, both values, and the ways out."""
    yield from paragraph(f"{error.message}:")
    sides = ("сейчас", "до неё") if reverting else ("у Вас", "у них")
    yield from conflicts_told(error.conflicts, *sides)
    if reverting:
        yield from paragraph("Нужное значение впишите в папку правил и опубликуйте её.")
        return
    yield from paragraph("Впишите в папку их значение, и остальное объединится. Оставить везде своё:")
    signed = " --by ИМЯ --reason ПРИЧИНА" if command == "publish" else ""
    yield f"  optout rules {command} --over {error.over}{signed}"


def _own_nothing(done: Publication) -> Iterator[str]:
    base = done.candidate.base
    if done.candidate.kind is ChangeKind.PUBLISH and done.candidate.brought and base is not None:
        yield from paragraph(f"Своих изменений в папке нет: она начата с редакции {base}.")
        yield f"Вернуть ту: optout rules rollback {base} --by ИМЯ --reason ПРИЧИНА"


def _left_behind(done: Publication) -> Iterator[str]:
    if done.left_behind is not None:
        yield from paragraph(f"! Папка правил осталась прежней: {done.left_behind}.")
    elif done.candidate.brought and done.candidate.kind is ChangeKind.PUBLISH:
        yield "Папка правил приведена к тому, что активно."
