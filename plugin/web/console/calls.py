"""Calls: found by what people know of them, and one call as a line of time with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import redirect, request

from connectors.kit.phones import parts_of_number
from plugin.authoring.inspection.explain import Explanation, explain
from plugin.authoring.inspection.explain_sentence import sentence
from plugin.authoring.inspection.explain_words import ExplanationWords
from plugin.authoring.revisions.labels import ScriptLabels
from plugin.console.call_timeline import measure, timeline
from plugin.console.conversations import said_in
from plugin.console.month_report import recipient_and_script_labels
from plugin.console.views import SavedViews
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import InputError, OptoutError
from plugin.events.facts import unfit_facts
from plugin.ledger.call_search import CallSearch, is_call, last_of
from plugin.ledger.history import CallHistory, CallSummary, list_calls, read_call
from plugin.ledger.states import DeliveryState
from plugin.operations.deliveries import text_of
from plugin.operations.explained_call import explained_call
from plugin.operations.words import STATES
from plugin.promise.promise_list import read_promise
from plugin.promise.promise_words import STATES as PROMISE_STATES
from plugin.promise.promise_words import THROUGH
from plugin.web.console.access import CALLS
from plugin.web.console.filters import address, chips, day_words, given, number, since_of, until_of
from plugin.web.console.lost import not_there
from plugin.web.console.promises import TONES as PROMISE_TONES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor

_PAGE = 50
#: Calls that one page goes through where no index leads it to what is searched.
_LOOKED_AT = 100_000
FILTERS = ("phone", "name", "card", "operator", "outcome", "state", "script", "source", "since", "until")
#: Filters that name a client: nothing of them is kept in a view.
_OF_CLIENT = frozenset({"phone", "name", "card"})
_NAMES = {
    "phone": "номер",
    "name": "имя",
    "card": "карточка",
    "operator": "оператор",
    "script": "скрипт",
    "source": "источник",
}


def call_list(services: ConsoleServices) -> Answer:
    """The calls that the address asks for, the newest first."""
    filters, fault = given((*FILTERS, "after")), None
    after = filters.pop("after", None)
    found: list[CallSummary] = []
    has_more, end = False, None
    try:
        search = search_of(services, filters, number("Дальше", after))
        with services.ledger.read() as connection:
            if search.after is None or is_call(connection, search.after):
                end = last_of(connection, search, _LOOKED_AT)
                search = replace(search, last=end[0] if end else None)
                found, has_more = list_calls(connection, services.now(), search, limit=_PAGE)
    except InputError as error:
        fault = error
    labels = outcome_labels(services)
    return show(
        "console/calls.html",
        422 if fault else 200,
        fault=fault,
        filters=filters,
        chips=chips("console.calls", filters, filter_words(filters, labels)),
        rows=[(call, label_of(services, call, labels), progress(call)) for call in found],
        more=address("console.calls", filters, after=found[-1].id) if has_more else None,
        end=(address("console.calls", filters, after=end[0]), end[1]) if end and not has_more else None,
        looked_at=_LOOKED_AT,
        is_first=after is None,
        outcomes=labels,
        states=STATES,
        views=[(view, address("console.calls", view.filters)) for view in _views(services).all()],
        keep=address("console.calls_view", filters),
        may_keep=bool(filters.keys() - _OF_CLIENT) and not fault,
        replay=address("console.replay_plan", filters) if filters and found else None,
    )


def keep_view(services: ConsoleServices) -> Answer:
    """Keep the filters of the address under a name, without what names a client; or take a view away."""
    filters = given(FILTERS)
    views = _views(services)
    if (out := request.form.get("out")) is not None:
        views.drop(number("Вид", out) or 0)
    else:
        search_of(services, filters)
        views.keep(request.form.get("name", ""), {name: filters[name] for name in filters if name not in _OF_CLIENT})
    return redirect(address("console.calls", filters), 303)


def call_page(services: ConsoleServices, id_: int) -> Answer:
    """All about one call."""
    with services.ledger.read() as connection:
        if not is_call(connection, id_):
            return not_there("Такого звонка нет", "Возможно, номер набран с ошибкой.", "console.calls", "Все звонки")
        history = read_call(connection, id_, services.now())
        words = ScriptLabels(services.rules, history.summary.script)
        said = said_in(connection, history, words)
        promised = read_promise(connection, id_)
    language = services.settings.language
    return show(
        "console/call.html",
        history=history,
        call=history.call,
        summary=history.summary,
        outcome=words.outcome(history.summary.outcome, history.summary.revision) if history.summary.outcome else None,
        measure=measure(history, services.now()),
        timeline=timeline(history, words, language),
        said=said,
        promised=promised,
        recipients=recipient_and_script_labels(services.rules)[0],
        promise_states=PROMISE_STATES,
        promise_tones=PROMISE_TONES,
        done_through=THROUGH,
        same_text=_same_texts(history.deliveries),
        open=[one["id"] for one in history.deliveries if one["state"] not in ("done", "cancelled")],
        why=_why(services, history, is_today=_asks_for_today()),
        is_today=_asks_for_today(),
    )


def _views(services: ConsoleServices) -> SavedViews:
    return SavedViews(services.ledger, visitor().operator, "calls", services.now)


def search_of(services: ConsoleServices, filters: Mapping[str, str], after: int | None = None) -> CallSearch:
    """What these filters search for. Raises InputError."""
    phone, source = filters.get("phone"), filters.get("source")
    if phone is not None and not parts_of_number(phone):
        raise InputError("Номер: в нём нет ни одной цифры", hint="Например: +7 916 123-45-67, 916 123 или 45-67")
    if filters.get("state") not in (None, *STATES):
        raise InputError("Состояние: такого нет", hint="Выберите из списка")
    return CallSearch(
        phone=phone,
        name=filters.get("name"),
        card=filters.get("card"),
        operator=filters.get("operator"),
        script=filters.get("script"),
        outcome=filters.get("outcome"),
        state=filters.get("state"),
        source=services.settings.source_of(source).namespace if source else None,
        since=since_of(services, filters),
        until=until_of(services, filters),
        after=after,
    )


def outcome_labels(services: ConsoleServices) -> dict[str, str]:
    """The outcomes of the active rules, each by its label."""
    try:
        scripts = services.rules.current().scripts.values()
    except OptoutError:
        return {}
    return {name: spec.label for decider in scripts for name, spec in decider.script.outcomes.items()}


def filter_words(filters: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """Each filter as a chip tells it."""
    told = {name: f"{_NAMES[name]}: {text}" for name, text in filters.items() if name in _NAMES}
    told["outcome"] = f"итог: {labels.get(filters.get('outcome', ''), filters.get('outcome', ''))}"
    told["state"] = f"доставка: {STATES.get(filters.get('state', ''), '')}"
    told["since"] = f"с {day_words(filters.get('since', ''))}"
    told["until"] = f"по {day_words(filters.get('until', ''))}"
    return told


def label_of(services: ConsoleServices, call: CallSummary, labels: Mapping[str, str]) -> str | None:
    """The call's outcome in words: today's, and those of its own rules only where today's have no such outcome."""
    if call.outcome is None or call.outcome in labels:
        return labels.get(call.outcome or "")
    return ScriptLabels(services.rules, call.script).outcome(call.outcome, call.revision)


def progress(call: CallSummary) -> tuple[str, str]:
    """The deliveries in words, and their tone."""
    standing = {state: count for state, count in call.states.items() if state != DeliveryState.CANCELLED}
    total, done = sum(standing.values()), standing.get(DeliveryState.DONE, 0)
    if call.dry_run:
        return "проба", "plain"
    if not total:
        return ("отменено" if call.states else ""), "plain"
    if standing.get(DeliveryState.PARKED):
        return f"остановлено, сделано {done} из {total}", "bad"
    if done < total:
        return f"сделано {done} из {total}", "bad" if call.late else "warn"
    return ("сделано с опозданием" if call.late else "сделано"), "bad" if call.late else "good"


def _same_texts(deliveries: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Of those that say what an earlier one says, but for the mark of reference: which one that is."""
    first: dict[str, int] = {}
    same: dict[int, int] = {}
    for one in deliveries:
        text = text_of(one).rpartition("\n")[0]
        if first.setdefault(text, one["id"]) != one["id"]:
            same[one["id"]] = first[text]
    return same


# --- why -------------------------------------------------------------------------------------------


def _asks_for_today() -> bool:
    return given(("rules",)).get("rules") == "today"


def _why(services: ConsoleServices, history: CallHistory, *, is_today: bool) -> dict[str, Any]:
    """The explanation in a sentence, then entry by entry; or why there is none."""
    try:
        explained = (
            _by_today(services.rules.current(), history) if is_today else explained_call(history, services.rules)
        )
    except OptoutError as error:
        return {"fault": error.message, "hint": getattr(error, "hint", None)}
    told = ExplanationWords(explained, _plainly)
    entries: Sequence[Mapping[str, Any]] = [
        {
            "entry": one.entry,
            "kind": one.kind,
            "fired": one.fired,
            "failed": told.failed(one),
            "change": told.change(one),
        }
        for one in explained.entries
    ]
    decided = is_today or history.summary.outcome is not None
    return {
        "sentence": sentence(explained, _plainly, decided=decided),
        "revision": explained.revision,
        "facts": told.facts(),
        "entries": entries,
    }


def _by_today(rules: Rulebook, history: CallHistory) -> Explanation:
    if not history.decisions:
        raise InputError("Звонок ещё ничем не решался", hint="Объяснять пока нечего")
    decider, facts = rules.script(history.summary.script), history.decisions[-1]["facts"]
    unfit = unfit_facts(decider, facts)
    return explain(decider, decider.type_facts({name: fact for name, fact in facts.items() if name not in unfit}))


def _plainly(_: str, value: FactValue) -> FactValue:
    """Who may open a call sees what was said in it."""
    return value


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/calls", "calls", call_list, CALLS, "calls", "Звонки"),
    ConsoleRoute("POST", "/calls/views", "calls_view", keep_view, CALLS, "calls"),
    ConsoleRoute("GET", "/calls/<int:id_>", "call", call_page, CALLS, "calls"),
)
