"""«Сделать случаем»: what a client said that no answer fitted becomes a case of the visitor's draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from flask import redirect, request, url_for

from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.revisions.labels import script_at
from plugin.console.remarks import Remark, find_remark, settle
from plugin.console.rules_conditions import outcome_choices
from plugin.console.rules_desk import OpenedRules
from plugin.console.rules_missing import MissingCase, add_missing_case, missing_case
from plugin.errors import InputError
from plugin.ledger.audit import Actor
from plugin.web.console.access import RULES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, visitor
from plugin.web.console.rules_shared import maker_of, opened_rules, refusing, room, script_page, typed_form


def ask(services: ConsoleServices) -> Answer:
    """The case, filled in as far as the call tells it."""
    remark, opened, case = _found(services, request.args)
    return _page(services, remark, opened, case)


def make(services: ConsoleServices) -> Answer:
    """Put it into the draft, and note what came of the client's words."""
    remark, opened, case = _found(services, request.form)
    form = typed_form()

    def change(files: Mapping[str, str]) -> Mapping[str, str]:
        editor = DraftEditor(files, opened.script)
        add_missing_case(editor, case, form)
        return editor.files

    desk, me = room(services).desk, visitor().operator
    try:
        change(opened.files)
    except InputError as error:
        return _page(services, remark, opened, case, str(error))
    desk.drafts.change(me, opened.script, f"случай из звонка: {form['name']}"[:200], change)
    actor = Actor.signed(me, f"случай в черновике правил: {form['name']}"[:500])
    settle(services.ledger, remark.trail, remark.said_at, actor, services.now)
    return redirect(url_for("console.rules_cases", script=opened.script), 303)


def _page(services: ConsoleServices, remark: Remark, opened: OpenedRules, case: MissingCase, fault: str = "") -> Answer:
    return script_page(
        "rules/missing_case.html",
        opened,
        "rules_cases",
        422 if fault else 200,
        notice=fault,
        remark=remark,
        case=case,
        given=request.form,
        outcomes=outcome_choices(maker_of(opened).words),
        roles=room(services).desk.roles(opened),
    )


def _found(services: ConsoleServices, named: Mapping[str, str]) -> tuple[Remark, OpenedRules, MissingCase]:
    trail = named.get("trail", "")
    if not (trail.isascii() and trail.isdigit() and len(trail) < 16):
        raise InputError("Такого ответа нет", hint="Откройте список заново")
    with services.ledger.read() as connection:
        remark = find_remark(
            connection,
            partial(script_at, services.rules),
            int(trail),
            named.get("said_at", ""),
        )
    opened = opened_rules(services, remark.script_name)
    compiled = room(services).effects.of(opened).compiled
    if compiled is None:
        raise InputError("Сначала исправьте ошибки черновика", hint="Пока они есть, разговор не провести")
    return remark, opened, missing_case(remark.missing, compiled.rulebook.script(opened.script), opened.check.content)


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/missing/case", "missing_case", refusing(ask), RULES, "missing"),
    ConsoleRoute("POST", "/missing/case", "make_missing_case", refusing(make), RULES, "missing"),
)
