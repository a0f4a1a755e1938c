"""What the rules' pages share: the desk of the application, the person's draft, and the frame of a script's pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app, redirect, request, url_for

from plugin.console.rules_desk import OpenedRules, RulesDesk
from plugin.console.rules_effect import DraftEffects, PastPeriod, past_period, past_sentence
from plugin.console.rules_forms import FormMaker
from plugin.errors import InputError
from plugin.web.console.routes import Answer, ConsoleServices, show, visitor

#: The pages of a script, in their order: the route's name and the word of its tab.
TABS: Mapping[str, str] = {
    "rules_conversation": "Разговор",
    "rules_outcomes": "Итоги",
    "rules_people": "Получатели",
    "rules_settings": "Сроки и тексты",
    "rules_cases": "Случаи",
    "rules_try": "Попробовать",
    "rules_files": "Файлы",
}
_KEY = "optout_rules_desk"


@dataclass(frozen=True, slots=True)
class RulesRoom:
    """The desk and the effects of one application."""

    desk: RulesDesk
    effects: DraftEffects


def room(services: ConsoleServices) -> RulesRoom:
    """The application's own, made when it is first asked for."""
    known = current_app.extensions.get(_KEY)
    if known is None:
        desk = RulesDesk(services.ledger, services.rules, services.now)
        known = current_app.extensions.setdefault(_KEY, RulesRoom(desk, DraftEffects(desk)))
    return cast(RulesRoom, known)


def opened_rules(services: ConsoleServices, script: str) -> OpenedRules:
    """The script as who asks has it. Raises InputError."""
    return room(services).desk.open(visitor().operator, script)


def maker_of(opened: OpenedRules) -> FormMaker:
    """Makes the fields of a page."""
    return FormMaker(opened.check, opened.base_content, opened.script)


def typed_form() -> dict[str, str]:
    """The request's form: of each field the last value, and as ``name[]`` all of them, one a line."""
    given = request.form.to_dict(flat=False)
    return {name: values[-1] for name, values in given.items()} | {
        f"{name}[]": "\n".join(values) for name, values in given.items()
    }


def period_asked(services: ConsoleServices) -> PastPeriod:
    """The past calls that the address names."""
    return past_period(request.args.get("past", ""), services.now(), services.zone)


def past_of(services: ConsoleServices, opened: OpenedRules) -> dict[str, Any]:
    """What becomes of past calls: for a page, with its sentence, and why a yes is wanted before publishing."""
    effects, period = room(services).effects, period_asked(services)
    effect = effects.of(opened)
    past = effects.past(opened, period) if effect.compiled else None
    said = past_sentence(past, period)
    return {"past": past, "past_said": said, "period": period.name, "demands": effect.demanding(past, period)}


def script_page(
    template: str, opened: OpenedRules, here: str, status: int = 200, *, notice: str = "", **values: Any
) -> Answer:
    """A page of a script, with the bar that tells of the draft; ``notice``: what went wrong with the last act."""
    return show(template, status, rules=opened, here=here, tabs=TABS, notice=notice, **values)


def refusing(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """A view whose InputError becomes a page in Russian that leads back."""

    def inside(services: ConsoleServices, **values: Any) -> Answer:
        try:
            return view(services, **values)
        except InputError as error:
            if wants_json():
                return cast(Answer, ({"error": error.message, "hint": error.hint}, 422))
            return show("rules/refused.html", 422, message=error.message, hint=error.hint, script=values.get("script"))

    return inside


def wants_json() -> bool:
    """Whether a page's script asks, which puts the answer into the page itself."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def back_to(script: str, anchor: str = "") -> Answer:
    """Send the browser to the page that the form came from, at the card that it was."""
    here = request.form.get("here", "")
    endpoint = here if here in (*TABS, "rules_publish") else "rules_conversation"
    fragment = anchor or request.form.get("card", "")
    return redirect(url_for(f"console.{endpoint}", script=script, _anchor=fragment or None), 303)
