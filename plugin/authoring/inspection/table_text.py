"""The table of conversations for a terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plugin.authoring.inspection.listing import ActionLine, ListedConversation, ListedOutcome, ScriptListing
from plugin.authoring.inspection.wording import conversations_counted, counted
from plugin.common.terminal import WIDTH, beside, quoted, wrapped

_LEFT = 38


def page(sheets: Sequence[ScriptListing]) -> str:
    """The tables of some scripts, one below the other."""
    return "\n\n\n".join("\n".join(_sheet(sheet)) for sheet in sheets)


def cut_note(sheet: ScriptListing) -> str:
    """What is said of a script that has more conversations than are shown."""
    return f"Показаны не все разговоры, а первые {len(sheet.lines)}: скрипт {sheet.script} слишком велик."


def faults_note(sheet: ScriptListing) -> str:
    """What is said of conversations that the rules do not end."""
    faulty = counted(sheet.faults, "разговор не приходит", "разговора не приходят", "разговоров не приходят")
    return f"{faulty} к одному итогу: такие правила нельзя опубликовать."


def _sheet(sheet: ScriptListing) -> Iterator[str]:
    yield from wrapped(f"{sheet.title} ({sheet.script})")
    yield from wrapped(f"Редакция {sheet.revision}, {conversations_counted(len(sheet.lines))}")
    if sheet.faults:
        yield from wrapped(faults_note(sheet), first="! ")
    if sheet.cut:
        yield from wrapped(cut_note(sheet), first="! ")
    number = max(2, len(str(len(sheet.lines))))
    widths = [number, _LEFT, WIDTH - number - _LEFT - 2]
    yield ""
    yield from beside([["№".rjust(number)], ["Разговор"], ["Итог и что записать"]], widths)
    yield " ".join("─" * width for width in widths)
    for line in sheet.lines:
        yield from beside([[str(line.number).rjust(number)], _said(line, widths[1]), _end(line, widths[2])], widths)
        yield ""
    yield "Итоги"
    for ending in sheet.endings:
        yield from ["", *_ending(ending)]


def _said(line: ListedConversation, width: int) -> list[str]:
    if not line.steps:
        return ["(вопросов нет)"]
    told = []
    for position, step in enumerate(line.steps):
        told += wrapped(step.spelt(), first="→ " if position else "", width=width)
    return told


def _end(line: ListedConversation, width: int) -> list[str]:
    if line.fault:
        return wrapped(line.label, first="! ", width=width)
    told = wrapped(line.label, width=width)
    for doing in line.doings:
        told += wrapped(doing.heading(), first="· ", width=width)
    if line.card:
        told += wrapped(line.card, first="· ", width=width)
    return told


def _ending(ending: ListedOutcome) -> Iterator[str]:
    used = conversations_counted(ending.used) if ending.used else "ни одного разговора"
    yield from wrapped(f"{ending.label} ({ending.name}): {used}")
    if ending.say:
        yield from wrapped(f"сказать: «{ending.say}»", 2)
    for doing in ending.doings:
        yield from _doing(doing)
    if not ending.doings:
        yield "  ничего не записывать"


def _doing(doing: ActionLine) -> Iterator[str]:
    yield from wrapped(doing.heading(), 2)
    if doing.is_reminder:
        yield from wrapped(doing.terms(), 4)
    yield from quoted(doing.text, 4)
