"""The page itself, and the form that a signed-in operator starts a call with where no CRM opened the page."""

from __future__ import annotations

import json
import secrets
from typing import Any

import phonenumbers
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from plugin.config.settings import Settings
from plugin.operator_page.call import line, page_call
from plugin.operator_page.sessions import OpenedPage, PageSessions
from plugin.web.auth import page_view, visitor
from plugin.web.auth.places import call_url
from plugin.web.operator_page.assets import Assets
from plugin.web.operator_page.calls import asked_call

_LONGEST_CARD = 255


def add_pages(blueprint: Blueprint, desk: PageSessions, settings: Settings, assets: Assets) -> None:
    """Serve them."""

    @page_view
    def home() -> str | Response:
        """The page of the call that is asked for; without one, the form to start one."""
        who = visitor()
        call = asked_call(desk)
        if call is None:
            return _form({}, None if request.args.get("call") is None else "Такого звонка здесь нет. Начните новый.")
        if request.args.get("call") != call.id:
            return redirect(call_url(call.id), 303)
        opened = desk.open(call, request.args.get("revision"))
        first = opened.tree.nodes[opened.tree.start] if opened.trail is None else None
        return render_template(
            "operator/page.html",
            call=call,
            opened=opened,
            operator=who.operator,
            may_start=not who.is_linked,
            first=first,
            data=_inside_html(_data(opened, desk, settings, who.csrf)),
            assets=assets,
        )

    @page_view
    def start() -> str | Response | tuple[str, int]:
        """Begin a call of which only the page knows."""
        who = visitor()
        if who.is_linked:
            return redirect(url_for("operator.home"), 303)
        given = {name: (line(request.form.get(name)) or "")[:_LONGEST_CARD] for name in ("phone", "name", "card")}
        call = page_call(
            f"page-{secrets.token_hex(8)}",
            phone=given["phone"],
            operator=who.operator,
            card=("contact", given["card"]) if given["card"] else None,
            card_name=given["name"],
        )
        if not call.phone and not call.card_id:
            return _form(given, "Укажите номер телефона или номер карточки: иначе запись некуда сделать."), 422
        desk.begin(call)
        return redirect(call_url(call.id), 303)

    def _form(given: dict[str, str], fault: str | None) -> str:
        return render_template(
            "operator/start.html",
            given=given,
            fault=fault,
            csrf=visitor().csrf,
            operator=visitor().operator,
            assets=assets,
        )

    blueprint.add_app_template_filter(shown_phone, "phone")
    blueprint.add_url_rule("/", "home", home, methods=["GET"])
    blueprint.add_url_rule("/start", "start", start, methods=["POST"])


def _inside_html(data: dict[str, Any]) -> Markup:
    """JSON that can stand in a script element: no sign in it ends the element, nor begins another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def shown_phone(phone: str) -> str:
    """The number as it is read out: +7 916 123-45-67."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _data(opened: OpenedPage, desk: PageSessions, settings: Settings, csrf: str) -> dict[str, Any]:
    """All that the page's script works with."""
    call = opened.call
    return {
        "call": {"id": call.id, "phone": call.phone, "name": call.card_name},
        "script": opened.script,
        "revision": opened.revision,
        "hours": opened.promise_hours,
        "tree": opened.tree.to_json(),
        "unfinished": opened.unfinished,
        "context": opened.context,
        "roles": opened.roles,
        "trail": opened.trail.to_json() if opened.trail else None,
        "now": desk.now(),
        "zone": settings.timezone.key,
        "csrf": csrf,
        "root": url_for("operator.home"),
    }
