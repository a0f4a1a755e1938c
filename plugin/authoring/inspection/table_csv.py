"""The table of conversations as CSV, in the form that Excel with Russian settings opens with a double click.

UTF-8 with a byte order mark, semicolons between the cells (Excel goes by the system's list separator, which is ``;``
where the decimal one is a comma); quotes and CRLF by RFC 4180. A cell that a spreadsheet would take for a formula
begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from plugin.authoring.inspection.listing import ActionLine, ListedConversation, ScriptListing
from plugin.authoring.inspection.wording import term_words

#: Without it Excel takes the file for windows-1251.
BYTE_ORDER_MARK = "\ufeff"
SEPARATORS = (";", ",")
#: What begins a formula, also after blanks, and in full width.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROLS = ("\t", "\r", "\n")

_FIRST = ("Скрипт", "Разговор", "Ответы")
_LAST = (
    *("Итог", "Итог (имя)", "Сказать в конце", "Комментарий", "Кому напоминание", "Тема", "Срок, ч", "Письмо"),
    *("Текст напоминания", "В чью карточку"),
)


def encoded(listings: Sequence[ScriptListing], separator: str = ";") -> bytes:
    """The file's bytes: a heading, then one record a conversation; its answers one by one and all in one cell."""
    facts = _facts(listings)
    told = io.StringIO()
    writer = csv.writer(told, delimiter=separator, lineterminator="\r\n")
    writer.writerow([defused(title) for title in (*_FIRST, *facts.values(), *_LAST)])
    for listing in listings:
        for line in listing.lines:
            writer.writerow([defused(cell) for cell in _cells(listing, line, list(facts))])
    return (BYTE_ORDER_MARK + told.getvalue()).encode("utf-8", "backslashreplace")


def defused(cell: str) -> str:
    """The cell as text, whatever it begins with."""
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) or cell.startswith(_CONTROLS) else cell


def _facts(listings: Sequence[ScriptListing]) -> dict[tuple[str, str], str]:
    """The columns of the answers: a fact of a script → its label, with the script's title where there are several."""
    several = len(listings) > 1
    return {
        (listing.script, step.name): f"{listing.title}: {step.fact}" if several else step.fact
        for listing in listings
        for line in listing.lines
        for step in line.steps
    }


def _cells(listing: ScriptListing, line: ListedConversation, facts: Sequence[tuple[str, str]]) -> list[str]:
    answers = {(listing.script, step.name): step.answer for step in line.steps}
    comments = [action.text for action in line.actions if not action.is_reminder]
    reminders = [action for action in line.actions if action.is_reminder]
    return [
        *(listing.title, str(line.number), " → ".join(step.spelt() for step in line.steps)),
        *(answers.get(fact, "") for fact in facts),
        *(line.label, line.outcome or "", line.say or "", "\n\n".join(comments)),
        _each(reminders, [", ".join(action.recipients) for action in reminders]),
        _each(reminders, [action.subject or "" for action in reminders]),
        _each(reminders, [_term(action) for action in reminders]),
        _each(reminders, ["да" if action.email else "нет" for action in reminders]),
        "\n\n".join(action.text for action in reminders),
        line.card or "",
    ]


def _term(action: ActionLine) -> str:
    """Hours alone stay a number."""
    return term_words(action.due_in_hours, working=True) if action.working else str(action.due_in_hours)


def _each(reminders: Sequence[ActionLine], cells: Sequence[str]) -> str:
    """One value for all reminders where they agree, else one a line."""
    return "\n".join(cells) if len(set(cells)) > 1 else "".join(cells[:1])
