"""Exclusions: whom not to call and not to write to; searched, added, released, read from and written to files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from flask import redirect, request, url_for

from connectors.kit.notation import NumberNotation
from connectors.kit.phones import numbers_in
from plugin.errors import InputError
from plugin.ledger.audit import Actor, record
from plugin.promise.refused_calls import list_refused_calls
from plugin.promise.suppression_by_hand import SuppressionByHand
from plugin.promise.suppression_files import ListFormat, read_lines, read_stream, write_list
from plugin.promise.suppression_list import SCOPES, entries_of, said_of, suppressed_entries, suppression_page
from plugin.web.console.access import ADMIN, CALLS
from plugin.web.console.filters import address, chips, given
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, download, show, visitor

_PAGE = 100
#: Numbers that one file brings in here at most; more are for the command line.
MOST_NUMBERS = 10_000
_MOST_TYPED = 100
_TYPES = {"json": "application/json", "csv": "text/csv"}
_FORMATS = {
    "lines": "по номеру в строке",
    "csv": "CSV",
    "json": "JSON",
    "astdb": "команды Asterisk",
}
_NOTATIONS = {"e164": "+7 916…", "7": "7916…", "8": "8916…"}


def suppression(services: ConsoleServices) -> Answer:
    """The list, or what is said of one number."""
    return _page(services)


def say(services: ConsoleServices) -> Answer:
    """Exclude the numbers, or let them be called again."""
    releases = request.form.get("does") == "release"
    typed, scopes = request.form.get("numbers", ""), [one for one in request.form.getlist("scope") if one in SCOPES]
    numbers = list(dict.fromkeys(number for line in typed.splitlines() for number in numbers_in(line)))
    if not numbers:
        return _page(services, "Здесь нет ни одного номера. Нужен номер с кодом: +7 916 123-45-67.")
    if len(numbers) > _MOST_TYPED:
        return _page(services, f"Номеров больше {_MOST_TYPED}: загрузите их файлом.")
    if not scopes:
        return _page(services, "Отметьте, из чего: из звонков, из рассылок или из всего.")
    try:
        actor = Actor.signed(visitor().operator, request.form.get("reason", ""))
    except InputError:
        return _page(services, "Напишите, зачем: это останется рядом с номером.")
    by_hand = SuppressionByHand(services.ledger, services.now, actor)
    changed = (by_hand.remove if releases else by_hand.add)(numbers, scopes)
    did = {"changed": str(changed), "did": "release" if releases else "add"}
    return redirect(address("console.suppression", did, number=numbers[0] if len(numbers) == 1 else None), 303)


def import_numbers(services: ConsoleServices) -> Answer:
    """Read a file: first what is in it, then, once confirmed, into the list."""
    file = request.files.get("file")
    lines = read_stream(file.stream) if file else read_lines(io.StringIO(request.form.get("numbers", "")))
    scopes = [one for one in request.form.getlist("scope") if one in SCOPES]
    numbers: dict[str, None] = {}
    unread: list[int] = []
    for line in lines:
        numbers |= dict.fromkeys(line.numbers)
        if not line.numbers:
            unread.append(line.line)
    if not numbers:
        return _page(services, "В файле нет ни одного номера.")
    if len(numbers) > MOST_NUMBERS:
        raise InputError(
            f"В файле номеров больше {MOST_NUMBERS}", hint="Разделите его или загрузите: optout suppression import"
        )
    fault = _fault_of_import(scopes)
    if fault is None and "confirmed" in request.form:
        actor = Actor.signed(visitor().operator, request.form.get("reason", ""))
        changed = SuppressionByHand(services.ledger, services.now, actor).add(list(numbers), scopes)
        return redirect(url_for("console.suppression", changed=changed, did="add"), 303)
    return show(
        "console/import.html",
        422 if fault else 200,
        fault=fault,
        numbers=list(numbers),
        unread=unread,
        chosen=scopes,
        scopes=SCOPES,
        reason_text=request.form.get("reason", ""),
    )


def export_numbers(services: ConsoleServices) -> Answer:
    """The list as a file."""
    try:
        scope = request.form.get("scope", "")
        format_, notation = ListFormat(request.form.get("format", "")), NumberNotation(request.form.get("notation", ""))
    except ValueError as error:
        raise InputError("Такого вида файла нет", hint="Выберите из списка") from error
    if scope not in SCOPES:
        raise InputError("Не сказано, из чего исключены", hint="Выберите звонки или рассылки")
    out = io.StringIO()
    with services.ledger.read() as connection:
        count = write_list(suppressed_entries(connection, scope), out, format_, notation, scope)
    with services.ledger.write() as connection:
        details = {"scope": scope, "format": format_.value, "count": count}
        record(connection, "export", Actor(visitor().operator, ""), services.now(), [{"details": details}])
    ending = {"lines": "txt", "astdb": "txt"}.get(format_.value, format_.value)
    return download(out.getvalue(), f"excluded-{scope}.{ending}", _TYPES.get(format_.value, "text/plain"))


def refused(services: ConsoleServices) -> Answer:
    """Calls that went to excluded numbers all the same."""
    with services.ledger.read() as connection:
        found = list_refused_calls(connection, None, 200)
    return show("console/refused_calls.html", rows=found, scopes=SCOPES)


# --- details ---------------------------------------------------------------------------------------


def _page(services: ConsoleServices, fault: str | None = None) -> Answer:
    filters = given(("number", "scope", "after"))
    after, typed = filters.pop("after", ""), filters.get("number")
    scope = filters.get("scope") if filters.get("scope") in SCOPES else None
    numbers = numbers_in(typed) if typed else ()
    if typed and not numbers:
        fault = fault or "Это не номер телефона. Нужен номер с кодом: +7 916 123-45-67."
    values: dict[str, Any] = {"number": None, "entries": (), "said": (), "page": None}
    with services.ledger.read() as connection:
        if numbers:
            found = entries_of(connection, numbers[:1]).get(numbers[0], [])
            values |= {"number": numbers[0], "entries": found, "said": said_of(connection, numbers[0])}
        elif not typed:
            values["page"] = suppression_page(connection, scope=scope, since=None, after=after, limit=_PAGE)
    page = values["page"]
    words = {"number": f"номер: {typed}", "scope": f"исключены из: {SCOPES.get(scope or '', '')}"}
    return show(
        "console/suppression.html",
        422 if fault else 200,
        fault=fault,
        filters=filters,
        chips=chips("console.suppression", filters, words),
        scopes=SCOPES,
        formats=_FORMATS,
        notations=_NOTATIONS,
        form=request.form,
        changed=given(("changed", "did")),
        is_first=not after,
        more=address("console.suppression", filters, after=page.next) if page and page.next else None,
        **values,
    )


def _fault_of_import(scopes: Sequence[str]) -> str | None:
    if "confirmed" not in request.form:
        return None
    if not scopes:
        return "Отметьте, из чего: из звонков, из рассылок или из всего."
    if not request.form.get("reason", "").strip():
        return "Напишите, откуда эти номера: это останется рядом с каждым."
    return None


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/suppression", "suppression", suppression, CALLS, "suppression", "Исключения"),
    ConsoleRoute("POST", "/suppression", "say_suppression", say, ADMIN, "suppression"),
    ConsoleRoute("POST", "/suppression/import", "import_numbers", import_numbers, ADMIN, "suppression"),
    ConsoleRoute("POST", "/suppression/export", "export_numbers", export_numbers, ADMIN, "suppression"),
    ConsoleRoute("GET", "/suppression/refused", "refused", refused, CALLS, "suppression"),
)
