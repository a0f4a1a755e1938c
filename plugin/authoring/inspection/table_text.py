"""The table of conversations for a terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plugin.authoring.inspection.listing import ActionLine, ListedConversation, ListedOutcome, ScriptListing
from plugin.authoring.inspection.wording import conversations_counted
from plugin.common.russian import counted
from plugin.common.terminal import WIDTH, beside, quoted, wrapped

_LEFT = 38


def page(sheets: Sequence[ScriptListing]) -> str:
    """The tables of some scripts, one below the other."""
    return "\n\n\n".join("\n".join(_sheet(sheet)) for sheet in sheets)


def notes(sheet: ScriptListing) -> list[str]:
    """What is to be known before the conversations are read: that some have no outcome, that not all are shown."""
    told = []
    if sheet.faults:
        faulty = counted(sheet.faults, "разговор не приходит", "разговора не приходят", "разговоров не приходят")
        told.append(f"{faulty} к одному итогу: такие правила нельзя опубликовать.")
    if sheet.cut:
        told.append(f"Показаны не все разговоры, а первые {len(sheet.lines)}: скрипт {sheet.script} слишком велик.")
    return told


def _sheet(sheet: ScriptListing) -> Iterator[str]:
    yield from wrapped(f"{sheet.title} ({sheet.script})")
    yield from wrapped(f"Редакция {sheet.revision}, {conversations_counted(len(sheet.lines))}")
    for note in notes(sheet):
        yield from wrapped(note, first="! ")
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
