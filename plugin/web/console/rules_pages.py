"""The rules' pages that show: the list of scripts, the conversation, outcomes, people, terms and texts, changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flask import jsonify, redirect, request, url_for

from plugin.console.rules_cards import conversation, outcomes, people, settings
from plugin.console.rules_conditions import choices_of, known_sources, outcome_choices
from plugin.console.rules_effect import DraftEffect
from plugin.console.rules_forms import FormMaker, RuleCard
from plugin.console.rules_people import ROWS, person_choices
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.errors import InputError
from plugin.web.console.access import RULES, STAFF
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor
from plugin.web.console.rules_shared import maker_of, opened_rules, past_of, refusing, room, script_page


def rules_list(services: ConsoleServices) -> Answer:
    """Every script, with the drafts that there are."""
    desk = room(services).desk
    active = desk.active()
    mentions = desk.drafts.mentions()
    me = visitor().operator
    mine = {one.script: desk.drafts.find(me, one.script) for one in mentions if one.owner == me}
    others = [one for one in mentions if one.owner != me]
    scripts = desk.scripts()
    new = {name: desk.open(me, name).title for name in mine if name not in scripts}
    return show("rules/list.html", scripts=scripts | new, new=new, active=active, mine=mine, others=others)


def copy_script(services: ConsoleServices) -> Answer:
    """Begin a new script as a copy of another."""
    form = request.form
    name = room(services).desk.copy(visitor().operator, form.get("script", ""), form.get("title", ""))
    return redirect(url_for("console.rules_conversation", script=name), 303)


def addition(services: ConsoleServices, script: str) -> Answer:
    """The form of what is added to a card, or to a page as a whole."""
    opened = opened_rules(services, script)
    maker = maker_of(opened)
    here, entry = request.args.get("page", ""), request.args.get("entry", "")
    if here not in _MAKERS:
        here = "rules_conversation"
    cards = _MAKERS[here](maker, opened.files.get(f"{script}/{RULES_FILE}", ""))
    card = next((one for one in cards if entry and one.entry == entry), None)
    if card is None and (entry or request.args.get("what") in _TO_CARDS):
        raise InputError("Этого в черновике уже нет", hint="Вернитесь и обновите страницу")
    return script_page(
        "rules/add.html",
        opened,
        here,
        card=card,
        what=request.args.get("what", ""),
        conditions=choices_of(maker.words),
        person_conditions=person_choices(maker.words),
        sources=known_sources(maker.words, services.connector.card_fields() if services.connector else ()),
        rows=ROWS,
        scripts=room(services).desk.scripts(),
        outcomes=outcome_choices(maker.words),
        roles=room(services).desk.roles(opened),
    )


def _cards_page(here: str, make: Callable[[FormMaker, str], list[RuleCard]]) -> Callable[..., Answer]:
    def view(services: ConsoleServices, script: str) -> Answer:
        opened = opened_rules(services, script)
        maker = maker_of(opened)
        cards = make(maker, opened.files.get(f"{script}/{RULES_FILE}", ""))
        return script_page(
            "rules/cards.html",
            opened,
            here,
            cards=cards,
            intro=_INTRO[here],
            left=maker.left(),
        )

    return refusing(view)


def changes(services: ConsoleServices, script: str) -> Answer:
    """What the draft would change, in words."""
    opened = opened_rules(services, script)
    effect = room(services).effects.of(opened)
    return script_page("rules/changes.html", opened, "rules_changes", effect=effect, **past_of(services, opened))


def effect_json(services: ConsoleServices, script: str) -> Answer:
    """The same in two sentences, for the bar of a page."""
    opened = opened_rules(services, script)
    effect = room(services).effects.of(opened)
    looked = past_of(services, opened)
    return jsonify(
        said=effect.sentence(),
        cases=_failed(effect),
        past=looked["past_said"] if effect.compiled else "",
        pending=effect.compiled is not None and looked["past"] is None,
    )


def _failed(effect: DraftEffect) -> int:
    return len(effect.compiled.failed) if effect.compiled else 0


_MAKERS: Mapping[str, Callable[[FormMaker, str], list[RuleCard]]] = {
    "rules_conversation": conversation,
    "rules_outcomes": lambda maker, _: outcomes(maker),
    "rules_people": lambda maker, _: people(maker),
    "rules_settings": lambda maker, _: settings(maker),
}
#: What is added to a card alone.
_TO_CARDS = frozenset({"answer", "answer-out", "conditions", "action", "action-if", "person"})
_PATHS = {
    "rules_conversation": "",
    "rules_outcomes": "/outcomes",
    "rules_people": "/people",
    "rules_settings": "/settings",
}
_INTRO = {
    "rules_conversation": "Вопросы и правила в том порядке, в каком идёт разговор.",
    "rules_outcomes": "Чем заканчивается разговор: что сказать клиенту, что записать и кому напомнить.",
    "rules_people": "Кому приходят напоминания. Получатели общие для всех скриптов.",
    "rules_settings": "Обещанный срок и тексты, общие для всех итогов этого скрипта.",
}

ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules", "rules", refusing(rules_list), STAFF, "rules", "Правила"),
    ConsoleRoute("POST", "/rules/copy", "rules_copy", refusing(copy_script), RULES, "rules"),
    *(
        ConsoleRoute("GET", f"/rules/script/<script>{_PATHS[name]}", name, _cards_page(name, make), RULES, "rules")
        for name, make in _MAKERS.items()
    ),
    ConsoleRoute("GET", "/rules/script/<script>/add", "rules_add", refusing(addition), RULES, "rules"),
    ConsoleRoute("GET", "/rules/script/<script>/changes", "rules_changes", refusing(changes), RULES, "rules"),
    ConsoleRoute("GET", "/rules/script/<script>/effect", "rules_effect", refusing(effect_json), RULES, "rules"),
)
