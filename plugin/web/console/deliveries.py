"""Deliveries: what waits and why, one with all its attempts, and acts on all that a filter chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import request

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.console.bulk import BulkActs, BulkItem
from plugin.console.call_timeline import UNFINISHED
from plugin.console.delivery_acts import carry_out, planned
from plugin.errors import InputError
from plugin.ledger.audit import Actor
from plugin.ledger.history import find_calls
from plugin.operations.deliveries import NAMED, Act, OperationPlan, read_delivery
from plugin.operations.selection import Selection, newest_deliveries
from plugin.operations.transitions import Refusal, TransitionKind
from plugin.operations.words import ACTS, KINDS, OUTCOMES, REFUSALS, STATES, STEPS, TRANSITIONS, kinds_counted
from plugin.web.console.access import CALLS
from plugin.web.console.acts import act_once, again_ids, query_of
from plugin.web.console.filters import address, chips, day_words, given, number, since_of
from plugin.web.console.lost import not_there
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show

_PAGE = 50
FILTERS = ("state", "kind", "call", "why", "since", "late", "undone", "id", "again")
#: What is asked of that which waits, unless something else narrows the list: all that was ever done is too much.
_OF_WAITING, _NARROW = frozenset({"why", "late"}), frozenset({"state", "call", "since", "id"})
_TITLES: Mapping[str, str] = {"retry": "Повторить", "cancel": "Отменить"}


def delivery_list(services: ConsoleServices) -> Answer:
    """The deliveries that the address asks for, the newest first; what is not done, where it asks for nothing."""
    filters, fault = given((*FILTERS, "before", "all")), None
    before, all_ = filters.pop("before", None), filters.pop("all", None)
    if not (filters or all_) or (filters.keys() & _OF_WAITING and not filters.keys() & _NARROW):
        filters["undone"] = "1"
    found: list[dict[str, Any]] = []
    try:
        chosen = _chosen(services, filters)
        with services.ledger.read() as connection:
            found = newest_deliveries(connection, chosen, services.now(), _PAGE + 1, before=number("Раньше", before))
    except InputError as error:
        fault = error
    everything = {"all": "1"} if all_ else {}
    rows = found[:_PAGE]
    return show(
        "console/deliveries.html",
        422 if fault else 200,
        fault=fault,
        filters=filters,
        chips=_chips(filters),
        rows=rows,
        now=services.now(),
        kinds=KINDS,
        states=STATES,
        is_first=before is None,
        more=address("console.deliveries", filters | everything, before=rows[-1]["id"]) if len(found) > _PAGE else None,
        acts={name: address("console.delivery_plan", filters, act=name) for name in _TITLES} if filters else {},
    )


def delivery_page(services: ConsoleServices, id_: int) -> Answer:
    """All about one delivery."""
    with services.ledger.read() as connection:
        found = read_delivery(connection, id_)
    if found is None:
        return not_there("Такой доставки нет", "Возможно, номер с ошибкой.", "console.deliveries", "Все доставки")
    words = ScriptLabels(services.rules, found["script"])
    outcome = words.outcome(found["outcome"], found["revision"]) if found["outcome"] else UNFINISHED
    may_act = [name for name in _TITLES if found["state"] not in ("done", "cancelled")]
    return show(
        "console/delivery.html", one=found, outcome=outcome, steps=STEPS, outcomes=OUTCOMES, may=may_act, acts=ACTS
    )


def delivery_plan(services: ConsoleServices) -> Answer:
    """What the act would come to for all that the address chooses."""
    return _plan(services, _act(request.args.get("act")))


def delivery_act(services: ConsoleServices) -> Answer:
    """Do it."""
    act, filters = _act(request.args.get("act")), given(FILTERS)

    def meant() -> tuple[int, Callable[[Actor], Sequence[BulkItem]]]:
        chosen = _chosen(services, filters)
        count = planned(services.ledger, act, chosen, services.now).count
        return count, lambda actor: carry_out(services.ledger, act, chosen, services.now, actor)

    moved_on = "Пока вы смотрели, стало другое число. Проверьте план ещё раз."
    return act_once(services, f"deliveries.{act}", filters, meant, lambda fault: _plan(services, act, fault), moved_on)


# --- details ---------------------------------------------------------------------------------------


def _plan(services: ConsoleServices, act: Act, fault: str | None = None) -> Answer:
    filters = given(FILTERS)
    chosen = _chosen(services, filters)
    if chosen.is_everything:
        raise InputError("Не сказано, какие доставки", hint="Сначала найдите их в списке доставок")
    plan = planned(services.ledger, act, chosen, services.now)
    return show(
        "console/delivery_plan.html",
        422 if fault else 200,
        fault=fault,
        act=act,
        title=_TITLES[act],
        plan=plan,
        steps=[(plan.steps[kind], TRANSITIONS[kind]) for kind in TransitionKind if plan.steps[kind]],
        refused=[(plan.refused[why], REFUSALS[why]) for why in Refusal if plan.refused[why]],
        promises=list(plan.promises.values())[:NAMED],
        more_promises=max(0, len(plan.promises) - NAMED),
        counted=kinds_counted,
        chips=_chips(filters),
        sample=_sample(plan),
        act_id=BulkActs.new_id(),
        query=query_of(filters | {"act": act}),
        reason_text=request.form.get("reason", ""),
        back=address("console.deliveries", {name: text for name, text in filters.items() if name != "again"}),
    )


def _sample(plan: OperationPlan) -> list[tuple[int, str]]:
    """The first of those that change, each with what becomes of it."""
    steps = [(id_, step) for id_, step in plan.items.items() if isinstance(step, TransitionKind)]
    return [(id_, TRANSITIONS[step]) for id_, step in steps[:50]]


def _act(text: str | None) -> Act:
    if text == "retry":
        return "retry"
    if text == "cancel":
        return "cancel"
    raise InputError("Не сказано, что сделать", hint="Откройте список доставок и выберите там")


def _chosen(services: ConsoleServices, filters: Mapping[str, str]) -> Selection:
    """What the filters choose. Raises InputError."""
    state, kind = filters.get("state"), filters.get("kind")
    if state not in (None, *STATES) or kind not in (None, *KINDS):
        raise InputError("Такого состояния или вида нет", hint="Выберите из списка")
    chosen = Selection(
        ids=() if (one := number("Доставка", filters.get("id"))) is None else (one,),
        states=(state,) if state else (),
        kinds=(kind,) if kind else (),
        since=since_of(services, filters),
        late="late" in filters,
        why=filters.get("why"),
        undone="undone" in filters,
    )
    if call := filters.get("call"):
        with services.ledger.read() as connection:
            chosen = replace(chosen, calls=tuple(find_calls(connection, call)))
    if again := filters.get("again"):
        ids = again_ids(services, again, f"deliveries.{_act(request.args.get('act'))}")
        chosen = replace(chosen, ids=tuple(ids) or (-1,))
    return chosen


def _chips(filters: Mapping[str, str]) -> Any:
    words = {
        "state": f"состояние: {STATES.get(filters.get('state', ''), '')}",
        "kind": KINDS.get(filters.get("kind", ""), ""),
        "call": f"звонок {filters.get('call', '')}",
        "why": f"причина: {filters.get('why', '')}",
        "since": f"с {day_words(filters.get('since', ''))}",
        "late": "обещанный срок прошёл",
        "undone": "ещё не сделано",
        "id": f"доставка № {filters.get('id', '')}",
        "again": "с кем не получилось",
    }
    return chips("console.deliveries", filters, words, all="1")


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/deliveries", "deliveries", delivery_list, CALLS, "deliveries", "Доставки"),
    ConsoleRoute("GET", "/deliveries/plan", "delivery_plan", delivery_plan, CALLS, "deliveries"),
    ConsoleRoute("POST", "/deliveries/plan", "delivery_act", delivery_act, CALLS, "deliveries"),
    ConsoleRoute("GET", "/deliveries/<int:id_>", "delivery", delivery_page, CALLS, "deliveries"),
)
