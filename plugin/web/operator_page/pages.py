"""The page of a call, and the form by which a signed-in operator starts one that no CRM opened."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from jinja2.utils import htmlsafe_json_dumps
from werkzeug.wrappers import Response

from plugin.auth.visitor import SEE_ALL
from plugin.config.settings import Settings
from plugin.operator_page.call import line, page_call
from plugin.operator_page.requirements import NOT_A_NAME, can_be_name
from plugin.operator_page.sessions import OpenedPage, PageSessions
from plugin.operator_page.tickets import Tickets
from plugin.web.assets import Assets
from plugin.web.auth import page_view, visitor
from plugin.web.auth.places import call_url, go_to
from plugin.web.operator_page.calls import asked_call, call_json, shown_phone

_LONGEST_CARD = 255


def add_pages(
    blueprint: Blueprint, sessions: PageSessions, settings: Settings, assets: Assets, tickets: Tickets
) -> None:
    """Serve both."""

    @page_view
    def home() -> str | Response:
        """The page of the call in the query; without one, the form to start a call."""
        who = visitor()
        call = asked_call(sessions)
        if call is None:
            return _form({}, None if request.args.get("call") is None else "Такого звонка здесь нет. Начните новый.")
        if request.args.get("call") != call.id:
            return go_to(call_url(call.id))
        opened = sessions.open(call, request.args.get("revision"))
        first = opened.tree.nodes[opened.tree.start] if opened.journal is None else None
        return render_template(
            "operator/page.html",
            call=opened.call,
            opened=opened,
            operator=who.operator,
            may_start=not who.is_linked,
            first=first,
            # Not the filter ``tojson``: it would escape every Russian letter.
            data=htmlsafe_json_dumps(
                _data(opened, sessions, settings, tickets, who.csrf), ensure_ascii=False, separators=(",", ":")
            ),
            assets=assets,
        )

    @page_view
    def start() -> str | Response | tuple[str, int]:
        """Begin a call that no CRM told of."""
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
            script=script if (script := request.form.get("script")) in sessions.scripts else None,
        )
        if given["phone"] and not call.phone:
            return _form(given, "Это не похоже на номер телефона. Проверьте цифры.", "phone"), 422
        if given["name"] and not can_be_name(given["name"]):
            return _form(given, NOT_A_NAME, "name"), 422
        if not call.phone and not call.card_id:
            return _form(given, "Укажите номер телефона или номер карточки: иначе запись некуда сделать.", "phone"), 422
        sessions.begin(call)
        return go_to(call_url(call.id))

    def _form(given: dict[str, str], fault: str | None, field: str | None = None) -> str:
        who = visitor()
        search = (request.args.get("q") or "").strip()[:40]
        return render_template(
            "operator/start.html",
            given=given,
            fault=fault,
            field=field,
            scripts=sessions.scripts,
            recent=sessions.recent(None if who.role in SEE_ALL else who.operator, search),
            search=search,
            sees_all=who.role in SEE_ALL,
            has_console=who.role != "operator",
            zone=settings.timezone,
            csrf=who.csrf,
            operator=who.operator,
            data=htmlsafe_json_dumps({"csrf": who.csrf, "operator": who.operator, "root": url_for("operator.home")}),
            assets=assets,
        )

    blueprint.add_app_template_filter(shown_phone, "phone")
    blueprint.add_url_rule("/", "home", home, methods=["GET"])
    blueprint.add_url_rule("/start", "start", start, methods=["POST"])


def _data(
    opened: OpenedPage, sessions: PageSessions, settings: Settings, tickets: Tickets, csrf: str
) -> dict[str, Any]:
    """The data that the page's script works with."""
    call = opened.call
    return {
        "call": call_json(call),
        "script": opened.script,
        "revision": opened.revision,
        "hours": opened.promise_hours,
        "tree": opened.tree.to_json(),
        "unfinished": opened.unfinished,
        "context": opened.context,
        "roles": opened.roles,
        "trail": opened.journal.to_json() if opened.journal else None,
        "now": sessions.now(),
        "zone": settings.timezone.key,
        "csrf": csrf,
        "may_start": not visitor().is_linked,
        "operator": call.operator,
        "ticket": tickets.make(call),
        "root": url_for("operator.home"),
    }
