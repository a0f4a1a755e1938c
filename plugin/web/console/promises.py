"""Promises: what is still to be done for clients and by when, and a month's report; the proof of one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from plugin.console.month_report import missing_answers, recipient_and_script_labels
from plugin.errors import InputError
from plugin.ledger.call_search import is_call
from plugin.ledger.promises import PromiseState
from plugin.promise.promise_list import list_promises
from plugin.promise.promise_words import STATES
from plugin.promise.proof import ProofFrame, proof_of
from plugin.promise.proof_file import proof_bytes
from plugin.promise.report import month_of, promise_report
from plugin.promise.report_files import report_csv, report_html
from plugin.web.console.access import CALLS
from plugin.web.console.filters import address, chips, given, number
from plugin.web.console.lost import not_there
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, download, show

_PAGE = 50
TONES: Mapping[str, str] = {
    PromiseState.WRITTEN: "warn",
    PromiseState.KEPT: "good",
    PromiseState.LATE: "bad",
    PromiseState.BROKEN: "bad",
}
_PROOFS = {"html": "text/html", "json": "application/json"}


def promise_list(services: ConsoleServices) -> Answer:
    """Those that are not settled, or of one state, the nearest to their deadline first."""
    filters = given(("state", "after"))
    after, fault, found = filters.pop("after", None), None, []
    try:
        states: Collection[str] = [_state(filters["state"])] if "state" in filters else ()
        with services.ledger.read() as connection:
            found = list(list_promises(connection, states, limit=_PAGE + 1, after=number("Дальше", after)))
    except InputError as error:
        fault = error
    shown = found[:_PAGE]
    return show(
        "console/promises.html",
        422 if fault else 200,
        fault=fault,
        rows=shown,
        chips=chips("console.promises", filters, {"state": f"состояние: {STATES.get(filters.get('state', ''), '')}"}),
        filters=filters,
        states=STATES,
        tones=TONES,
        more=address("console.promises", filters, after=shown[-1].call) if len(found) > _PAGE else None,
        is_first=after is None,
        this_month=f"{services.now().astimezone(services.zone):%Y-%m}",
        now=services.now(),
    )


def month_report(services: ConsoleServices) -> Answer:
    """How a month's promises were kept, as a page to print or as a table."""
    asked = given(("month", "as"))
    try:
        start, end = month_of(asked.get("month", ""), services.zone)
    except InputError as error:
        raise InputError("Месяц: не понять, какой", hint="Год и месяц цифрами, например 2026-11") from error
    kind = asked.get("as", "html")
    if kind not in ("html", "csv"):
        raise InputError("Такого вида отчёта нет", hint="Выберите страницу или таблицу")
    with services.ledger.read() as connection:
        found = promise_report(connection, start, end)
        missing = missing_answers(connection, services.rules, start, end)
    if kind == "csv":
        return download(report_csv(found, services.zone), f"promises-{start:%Y-%m}.csv", "text/csv")
    roles, scripts = recipient_and_script_labels(services.rules)
    page = report_html(found, services.zone, missing, roles, scripts)
    return download(page, f"promises-{start:%Y-%m}.html", "text/html")


def call_proof(services: ConsoleServices, id_: int, ending: str) -> Answer:
    """Everything that the ledger holds of a call in one file: ``html`` to print, ``json`` to check."""
    if ending not in _PROOFS:
        raise InputError("Такого вида файла нет", hint="Выберите: для печати или для проверки")
    sender = services.settings.smtp.sender if services.settings.smtp else None
    with services.ledger.read() as connection:
        if not is_call(connection, id_):
            return not_there("Такого звонка нет", "Возможно, номер набран с ошибкой.", "console.calls", "Все звонки")
        made = proof_of(connection, [id_], None, ProofFrame(services.rules, services.zone, sender, services.now()))
    name = f"proof-{id_}.{ending}"
    return download(proof_bytes(made, name), name, _PROOFS[ending])


def _state(text: str) -> str:
    if text not in STATES:
        raise InputError("Состояние: такого нет", hint="Выберите из списка")
    return text


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/promises", "promises", promise_list, CALLS, "promises", "Обещания"),
    ConsoleRoute("GET", "/promises/report", "promise_report", month_report, CALLS, "promises"),
    ConsoleRoute("GET", "/calls/<int:id_>/proof/<ending>", "proof", call_proof, CALLS, "calls"),
)
