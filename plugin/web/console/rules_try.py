"""The conversation tried out in the draft, as the operator would have it; and the draft's cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.inspection.drawing.svg import draw
from plugin.console.rules_cases import accept_cases, case_rows
from plugin.console.rules_rehearsal import Rehearsal
from plugin.errors import InputError
from plugin.web.console.access import RULES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, visitor
from plugin.web.console.rules_shared import back_to, opened_rules, refusing, room, script_page


def try_out(services: ConsoleServices, script: str) -> Answer:
    """One step of the conversation: what is asked, or how it ends; the answers so far stand in the address."""
    opened = opened_rules(services, script)
    effect = room(services).effects.of(opened)
    if effect.compiled is None:
        return script_page("rules/faulty.html", opened, "rules_try", faults=effect.faults)
    said = [one.partition("=") for one in request.args.getlist("a")]
    if request.args.get("fact") and request.args.get("typed"):
        said.append((request.args["fact"], "=", request.args["typed"].strip()))
    rehearsal = Rehearsal(effect.compiled.rulebook, script, [(fact, value) for fact, _, value in said])
    return script_page("rules/try.html", opened, "rules_try", talk=rehearsal)


def picture(services: ConsoleServices, script: str) -> Answer:
    """The conversation of the draft as a picture."""
    compiled = room(services).effects.of(opened_rules(services, script)).compiled
    if compiled is None:
        raise InputError("Схемы нет, пока в черновике ошибки", hint="Сначала исправьте их")
    return Response(draw(compiled.rulebook, script)[0], 200, mimetype="image/svg+xml")


def cases(services: ConsoleServices, script: str) -> Answer:
    """The cases, and which of them do not come out."""
    opened = opened_rules(services, script)
    effect = room(services).effects.of(opened)
    if effect.compiled is None:
        return script_page("rules/faulty.html", opened, "rules_cases", faults=effect.faults)
    return script_page("rules/cases.html", opened, "rules_cases", rows=case_rows(effect.compiled))


def accept(services: ConsoleServices, script: str) -> Answer:
    """Let failed cases expect what came out: all of them, or one."""
    opened = opened_rules(services, script)
    compiled = room(services).effects.of(opened).compiled
    if compiled is None:
        raise InputError("Сначала исправьте ошибки", hint="Пока они есть, случаи не проверить")
    only = request.form.get("number", "")
    _change(services, script, lambda editor: accept_cases(editor, compiled, int(only) if only.isdecimal() else None))
    return back_to(script)


def keep_case(services: ConsoleServices, script: str) -> Answer:
    """Make a case of a conversation that was tried out."""
    opened = opened_rules(services, script)
    compiled = room(services).effects.of(opened).compiled
    if compiled is None:
        raise InputError("Сначала исправьте ошибки", hint="Пока они есть, разговор не провести")
    said = [one.partition("=") for one in request.form.getlist("a")]
    rehearsal = Rehearsal(compiled.rulebook, script, [(fact, value) for fact, _, value in said])
    name = request.form.get("name", "").strip() or rehearsal.name

    def add(editor: DraftEditor) -> str:
        known = editor.get("cases.case") or []
        if any(one.get("name") == name for one in known):
            raise InputError(f"Случай «{name}» уже есть", hint="Назовите новый иначе")
        editor.add_entry("cases.case", {"name": name, **rehearsal.case()})
        return f"новый случай «{name}»"

    _change(services, script, add)
    return back_to(script)


def _change(services: ConsoleServices, script: str, act: Any) -> None:
    said = ["правка"]

    def change(files: Mapping[str, str]) -> Mapping[str, str]:
        editor = DraftEditor(files, script)
        said[0] = act(editor)
        return editor.files

    desk = room(services).desk
    change(desk.open(visitor().operator, script).files)
    desk.drafts.change(visitor().operator, script, said[0][:200], change)


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules/script/<script>/try", "rules_try", refusing(try_out), RULES, "rules"),
    ConsoleRoute("GET", "/rules/script/<script>/picture.svg", "rules_picture", refusing(picture), RULES, "rules"),
    ConsoleRoute("GET", "/rules/script/<script>/cases", "rules_cases", refusing(cases), RULES, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/cases/accept", "rules_accept", refusing(accept), RULES, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/cases/keep", "rules_keep_case", refusing(keep_case), RULES, "rules"),
)
