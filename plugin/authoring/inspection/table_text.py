"""The table of conversations for a terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plugin.authoring.inspection.listing import ActionLine, ListedConversation, ListedOutcome, ScriptListing
from plugin.authoring.inspection.wording import conversations_counted
from plugin.common.russian import counted
from plugin.common.terminal import WIDTH, quoted, side_by_side, wrapped

_LEFT = 38


def page(listings: Sequence[ScriptListing]) -> str:
    """The tables of some scripts, one below the other."""
    return "\n\n\n".join("\n".join(_listing(listing)) for listing in listings)


def notes(listing: ScriptListing) -> list[str]:
    """What is to be known before the conversations are read: that some have no outcome, that not all are shown."""
    told = []
    if listing.faults:
        faulty = counted(listing.faults, "разговор не приходит", "разговора не приходят", "разговоров не приходят")
        told.append(f"{faulty} к одному итогу: такие правила нельзя опубликовать.")
    if listing.cut:
        told.append(f"Показаны не все разговоры, а первые {len(listing.lines)}: скрипт {listing.script} слишком велик.")
    return told


def _listing(listing: ScriptListing) -> Iterator[str]:
    yield from wrapped(f"{listing.title} ({listing.script})")
    yield from wrapped(f"Редакция {listing.revision}, {conversations_counted(len(listing.lines))}")
    for note in notes(listing):
        yield from wrapped(note, first="! ")
    number = max(2, len(str(len(listing.lines))))
    widths = [number, _LEFT, WIDTH - number - _LEFT - 2]
    yield ""
    yield from side_by_side([["№".rjust(number)], ["Разговор"], ["Итог и что записать"]], widths)
    yield " ".join("─" * width for width in widths)
    for line in listing.lines:
        yield from side_by_side(
            [[str(line.number).rjust(number)], _said(line, widths[1]), _end(line, widths[2])], widths
        )
        yield ""
    yield "Итоги"
    for ending in listing.endings:
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
    for action in line.actions:
        told += wrapped(action.heading(), first="· ", width=width)
    if line.card:
        told += wrapped(line.card, first="· ", width=width)
    return told


def _ending(ending: ListedOutcome) -> Iterator[str]:
    used = conversations_counted(ending.used) if ending.used else "ни одного разговора"
    yield from wrapped(f"{ending.label} ({ending.name}): {used}")
    if ending.say:
        yield from wrapped(f"сказать: «{ending.say}»", 2)
    if ending.read:
        yield from wrapped(f"читать: «{ending.read}»", 2)
    if ending.about:
        yield from wrapped(f"о ком: {ending.about}", 2)
    for line in ending.number:
        yield from wrapped(line, 2)
    for action in ending.actions:
        yield from _action(action)
    if not ending.actions:
        yield "  ничего не записывать"


def _action(action: ActionLine) -> Iterator[str]:
    yield from wrapped(action.heading(), 2)
    if action.is_reminder:
        yield from wrapped(action.terms(), 4)
    yield from quoted(action.text, 4)
