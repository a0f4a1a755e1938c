"""What was done to many things at once, by its id; and the log of all that people did by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from flask import redirect, request, url_for

from plugin.console.bulk import BulkAct, BulkActs, BulkItem
from plugin.errors import InputError
from plugin.ledger.audit import Actor, newest_acts
from plugin.operations.words import ACTS
from plugin.web.console.access import ADMIN, CALLS
from plugin.web.console.filters import address, given, number
from plugin.web.console.lost import not_there
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor

_PAGE = 100
#: Results that one page shows.
_SHOWN = 200
KINDS = {
    "deliveries.retry": "Повтор доставок",
    "deliveries.cancel": "Отмена доставок",
    "calls.replay": "Звонки решены заново",
    "events.retry": "Повтор событий",
    "events.drop": "События отброшены",
}
#: Where one thing of an act is shown, and where the failed ones are planned again.
_ITEM = {"deliveries": "console.delivery", "calls": "console.call"}
_AGAIN = {"deliveries": "console.delivery_plan", "calls": "console.replay_plan", "events": "console.event_plan"}


def act_page(services: ConsoleServices, id_: str) -> Answer:
    """What became of each."""
    act = BulkActs(services.ledger, services.now).find(id_)
    if act is None:
        return not_there("Такого действия нет", "Возможно, оно не было выполнено.", "console.today", "На главную")
    what, _, does = act.kind.partition(".")
    # What went wrong first: the rest only confirms.
    items = sorted(act.items, key=lambda item: (not item.has_failed, item.is_done, item.id))
    again = {"again": act.id, "act": does, **({"rules": rules} if (rules := act.filter.get("rules")) else {})}
    return show(
        "console/act.html",
        act=act,
        title=KINDS.get(act.kind, act.kind),
        items=items[:_SHOWN],
        rest=max(0, len(items) - _SHOWN),
        item_endpoint=_ITEM.get(what),
        again=f"{url_for(_AGAIN[what])}?{urlencode(again)}" if act.failed else None,
        back=url_for(f"console.{what}"),
    )


def act_log(services: ConsoleServices) -> Answer:
    """All that people did by hand, the newest first."""
    filters = given(("before",))
    before = number("Раньше", filters.get("before"))
    with services.ledger.read() as connection:
        found = newest_acts(connection, _PAGE + 1, before=before)
    more = address("console.act_log", {}, before=found[_PAGE - 1]["id"]) if len(found) > _PAGE else None
    return show("console/act_log.html", rows=found[:_PAGE], more=more, words=ACTS)


def act_once(
    services: ConsoleServices,
    kind: str,
    chosen: Mapping[str, str],
    meant: Callable[[], tuple[int, Callable[[Actor], Sequence[BulkItem]]]],
    plan: Callable[[str], Answer],
    moved_on: str,
) -> Answer:
    """Carry out the plan that the form was shown with, once however often the form is sent; on to what became of it.

    ``meant`` gives how many it is about now, and what does it. ``plan`` shows the plan again with what is wrong:
    that no reason was given, or, as ``moved_on`` says, that it is about another number by now.
    Raises InputError for a form that was not ours.
    """
    acts, id_ = BulkActs(services.ledger, services.now), request.form.get("act_id", "")
    if not id_.isalnum() or len(id_) != len(BulkActs.new_id()):
        raise InputError("Страница устарела", hint="Откройте план ещё раз")
    if acts.find(id_) is None:
        try:
            actor = Actor.signed(visitor().operator, request.form.get("reason", ""))
        except InputError:
            return plan("Напишите, зачем: это останется в журнале.")
        count, carry_out = meant()
        if str(count) != request.form.get("planned"):
            return plan(moved_on)
        acts.keep(id_, kind, actor, chosen, carry_out(actor))
    return redirect(url_for("console.act", id_=id_), 303)


def again_ids(services: ConsoleServices, id_: str, kind: str) -> list[int]:
    """Those of an act of this kind that are worth another try. Raises InputError."""
    act: BulkAct | None = BulkActs(services.ledger, services.now).find(id_)
    if act is None or act.kind != kind:
        raise InputError("Такого действия нет", hint="Начните со списка")
    return list(act.failed)


def query_of(chosen: Mapping[str, str]) -> str:
    """The filters as the query of the form's address."""
    return urlencode(chosen)


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/acts/<id_>", "act", act_page, CALLS, "deliveries"),
    ConsoleRoute("GET", "/acts", "act_log", act_log, ADMIN, "people"),
)
