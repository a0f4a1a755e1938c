"""The CRM's pages, in Russian: cards, and for a card its comments, reminders and mails. They show, they change nothing.

Everything is rendered here and nothing is loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from connectors.embedded.crm import records
from connectors.embedded.crm.mail import show_mail
from connectors.embedded.crm.store import CrmStore
from connectors.kit.names import name_parts
from connectors.kit.phones import numbers_in
from connectors.kit.secrets import same_secret

_COOKIE = "crm_page"
_PAGE = 50
_NEWEST = 200
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_STATES = {"open": "открыто", "done": "выполнено", "withdrawn": "отозвано"}
_MAIL_STATES = {"queued": "ждёт отправки", "sent": "отправлено", "failed": "не отправлено"}
_CSP = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class PageGuard:
    """Who may see the pages: with a token, those who signed in with it; else browsers on this machine."""

    page_open: bool
    token: str | None

    def admits(self) -> bool:
        """Whether the current request may see pages."""
        if self.token is not None:
            return same_secret(request.cookies.get(_COOKIE), self.ticket())
        # A page elsewhere could point a name of its own at 127.0.0.1 and read clients' cards through the browser.
        return self.page_open and urlsplit(f"//{request.host}").hostname in _LOCAL_NAMES

    def accepts(self, given: str) -> bool:
        """Whether this is the token."""
        return self.token is not None and same_secret(given.strip(), self.token)

    def ticket(self) -> str:
        """What the cookie holds: derived from the token, not the token itself."""
        return hmac.new((self.token or "").encode(), b"crm pages", hashlib.sha256).hexdigest()


def pages(store: CrmStore, zone: ZoneInfo, guard: PageGuard, script_url: str | None = None) -> Blueprint:
    """All pages; ``script_url``: where a card's button leads."""
    routes = Blueprint("pages", __name__)
    routes.before_request(lambda: _admit(guard))
    routes.after_request(_protect)
    routes.context_processor(lambda: {"zone": zone.key, "newest": _NEWEST})
    routes.add_app_template_filter(lambda value: _local(value, zone), "local")
    routes.add_app_template_filter(lambda state: _STATES[state], "state_ru")
    routes.add_app_template_filter(lambda state: _MAIL_STATES[state], "mail_state_ru")
    _add_sign_in(routes, guard)

    @routes.get("/")
    def cards() -> str:
        asked = request.args.get("q", "").strip()
        after = request.args.get("after", "0")
        with store.reading() as db:
            page = _cards(db, asked, int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0)
        return render_template("cards.html", page=page, asked=asked)

    @routes.get("/cards/<card_id>")
    def card(card_id: str) -> AnyResponse:
        try:
            with store.reading() as db:
                shown = _card(db, card_id)
        except records.NoSuchRecord:
            return make_response(render_template("missing.html"), 404)
        return make_response(render_template("card.html", script=_script_button(script_url, shown["card"]), **shown))

    @routes.get("/reminders")
    def reminders() -> str:
        with store.reading() as db:
            query = f"{_REMINDERS} ORDER BY r.state <> 'open', r.due, r.id LIMIT {_NEWEST}"
            return render_template("reminders.html", reminders=db.execute(query).fetchall())

    @routes.get("/mails")
    def mails() -> str:
        with store.reading() as db:
            rows = db.execute("SELECT * FROM mails ORDER BY id DESC LIMIT ?", (_NEWEST,)).fetchall()
            return render_template("mails.html", mails=[show_mail(db, row) for row in rows])

    return routes


def _add_sign_in(routes: Blueprint, guard: PageGuard) -> None:
    @routes.get("/sign-in")
    def sign_in() -> AnyResponse:
        return make_response(render_template("sign_in.html", wrong=False))

    @routes.post("/sign-in")
    def signed_in() -> AnyResponse:
        if not guard.accepts(request.form.get("token", "")):
            return make_response(render_template("sign_in.html", wrong=True), 401)
        response = redirect("/", 303)
        response.set_cookie(_COOKIE, guard.ticket(), httponly=True, samesite="Strict", secure=request.is_secure)
        return response


def _script_button(script_url: str | None, card: Mapping[str, Any]) -> str | None:
    """The address that opens the operators' page for a new call with this client: a plain button, without a secret."""
    if script_url is None:
        return None
    call = {"call": f"card-{card['id']}-{secrets.token_hex(4)}", "card": f"contact:{card['id']}", "name": card["name"]}
    if card["phones"]:
        call["phone"] = card["phones"][0]
    return f"{script_url}?{urlencode(call)}"


def _admit(guard: PageGuard) -> AnyResponse | None:
    if guard.admits() or (guard.token is not None and request.endpoint in ("pages.sign_in", "pages.signed_in")):
        return None
    if guard.token is not None:
        return redirect("/sign-in", 303)
    return make_response(render_template("closed.html"), 403)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _local(value: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(value).astimezone(zone).strftime("%d.%m.%Y %H:%M")


# --- what the pages show ---------------------------------------------------------------------------

_REMINDERS = (
    "SELECT r.*, u.name AS assignee_name, c.name AS card_name FROM reminders r"
    " JOIN users u ON u.id = r.assignee JOIN cards c ON c.id = r.card"
)


#: A name's parts stand in alphabetical order in its key, so each is looked for by itself; none is nobody's.
_HAS_PARTS = "(SELECT count(*) > 0 AND min(instr(name_key, value)) > 0 FROM json_each(?))"


def _cards(db: sqlite3.Connection, asked: str, after: int) -> records.Record:
    """Cards found by a phone number (whole) or a part of the name."""
    where: dict[str, object] = {}
    if numbers_in(asked):
        where = records.cards_where(asked, None)
    elif asked:
        where = {_HAS_PARTS: json.dumps(name_parts(asked))}
    return records.listed(db, "cards", _show_counted, where, records.ListPage(after, _PAGE))


def _show_counted(db: sqlite3.Connection, row: sqlite3.Row) -> records.Record:
    comments = db.execute("SELECT count(*) FROM comments WHERE card = ?", (row["id"],)).fetchone()[0]
    waiting = db.execute("SELECT count(*) FROM reminders WHERE card = ? AND state = 'open'", (row["id"],)).fetchone()[0]
    return records.show_card(db, row) | {"comments": comments, "open": waiting}


def _card(db: sqlite3.Connection, card_id: str) -> dict[str, Any]:
    row = records.card_row(db, card_id)
    newest = "ORDER BY id DESC LIMIT ?"
    comments = db.execute(f"SELECT * FROM comments WHERE card = ? {newest}", (row["id"], _NEWEST)).fetchall()
    reminders = db.execute(f"{_REMINDERS} WHERE r.card = ? ORDER BY r.id DESC LIMIT ?", (row["id"], _NEWEST)).fetchall()
    return {"card": records.show_card(db, row), "comments": comments, "reminders": reminders}
