"""Calls decided again: the plan first, by the rules of that day or today's, then a result for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import request, url_for

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.console.bulk import MOST_CALLS, BulkActs, BulkItem
from plugin.console.call_timeline import UNFINISHED
from plugin.errors import InputError
from plugin.ledger.audit import Actor
from plugin.ledger.call_search import ids_found
from plugin.operations.replay import Replay, Replayed, RulesOf
from plugin.operations.words import kinds_counted
from plugin.resilience.noted import with_account
from plugin.web.console.access import ADMIN
from plugin.web.console.acts import act_once, again_ids, query_of
from plugin.web.console.calls import FILTERS, filter_words, outcome_labels, search_of
from plugin.web.console.filters import address, chips, given, number
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show

_RULES = {RulesOf.THAT_DAY: "правилами того дня", RulesOf.TODAY: "сегодняшними правилами"}
_KIND = "calls.replay"


def replay_plan(services: ConsoleServices) -> Answer:
    """What deciding these calls again would come to."""
    return _plan(services)


def replay(services: ConsoleServices) -> Answer:
    """Decide them again."""
    which = _rules_of(request.form.get("rules"))

    def meant() -> tuple[int, Callable[[Actor], Sequence[BulkItem]]]:
        ids, work = _meant(services), _work(services, which)
        return len(ids), lambda actor: [_item(services, work.carry_out(one, actor)) for one in ids]

    moved_on = "Пока вы смотрели, звонков под эти условия стало другое число. Проверьте ещё раз."
    chosen = _chosen() | {"rules": which.value}
    return act_once(services, _KIND, chosen, meant, lambda fault: _plan(services, fault), moved_on)


def _plan(services: ConsoleServices, fault: str | None = None) -> Answer:
    chosen, which = _chosen(), _rules_of(request.values.get("rules"))
    labels = outcome_labels(services)
    try:
        ids = _meant(services)
    except InputError as error:
        return show("console/refused.html", 422, error=error, back=url_for("console.calls"))
    work = _work(services, which)
    found = [work.plan(id_) for id_ in ids]
    filters = {name: text for name, text in chosen.items() if name in FILTERS}
    return show(
        "console/replay.html",
        422 if fault else 200,
        fault=fault,
        chosen=chosen,
        which=which.value,
        rules={one.value: words for one, words in _RULES.items()},
        switch={one.value: address("console.replay_plan", chosen, rules=one.value) for one in RulesOf},
        count=len(ids),
        changed=[(one, *_outcomes(services, one), _effects(one)) for one in found if one.changed],
        problems=[one for one in found if one.problem],
        same=sum(not one.changed and not one.problem for one in found),
        chips=chips("console.calls", filters, filter_words(filters, labels)),
        act_id=BulkActs.new_id(),
        query=query_of(chosen),
        reason_text=request.form.get("reason", ""),
        back=address("console.calls", filters),
    )


def _chosen() -> dict[str, str]:
    return given((*FILTERS, "ids", "again"))


def _meant(services: ConsoleServices) -> list[int]:
    """The calls that the address names or chooses. Raises InputError."""
    chosen = _chosen()
    if "again" in chosen:
        return again_ids(services, chosen["again"], _KIND)
    if "ids" in chosen:
        return [id_ for text in chosen["ids"].split(",") if (id_ := number("Звонок", text)) is not None]
    if not chosen:
        raise InputError("Не сказано, какие звонки", hint="Сначала найдите их в списке звонков")
    with services.ledger.read() as connection:
        ids = list(ids_found(connection, search_of(services, chosen), MOST_CALLS + 1))
    if len(ids) > MOST_CALLS:
        hint = f"За один раз решаются заново до {MOST_CALLS}. Сузьте условия, например по дате."
        raise InputError(f"Под эти условия подходит больше {MOST_CALLS} звонков", hint=hint)
    return sorted(ids)


def _work(services: ConsoleServices, which: RulesOf) -> Replay:
    settings = with_account(services.settings, services.ledger)
    return Replay(services.ledger, services.rules, settings, services.now, which)


def _rules_of(text: str | None) -> RulesOf:
    return RulesOf.TODAY if text == RulesOf.TODAY.value else RulesOf.THAT_DAY


def _outcomes(services: ConsoleServices, one: Replayed) -> tuple[str, str]:
    words = ScriptLabels(services.rules, one.script)
    before, after = (words.outcome(name, one.revision) if name else UNFINISHED for name in (one.before, one.after))
    return before, after


def _effects(one: Replayed) -> list[str]:
    told: Mapping[str, Any] = {
        "добавить": kinds_counted(one.added),
        "отменить, что не ушло": one.cancelled,
        "остановить, что могло уйти": one.stopped,
        "этим правилам не понять ответы": ", ".join(one.unheard),
    }
    return [f"{name}: {value}" for name, value in told.items() if value]


def _item(services: ConsoleServices, one: Replayed) -> BulkItem:
    if one.problem:
        return BulkItem(one.id, False, True, one.problem)
    if not one.changed:
        return BulkItem(one.id, False, False, "без изменений")
    before, after = _outcomes(services, one)
    return BulkItem(one.id, True, False, f"{before} → {after}")


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/calls/replay", "replay_plan", replay_plan, ADMIN, "calls"),
    ConsoleRoute("POST", "/calls/replay", "replay", replay, ADMIN, "calls"),
)
