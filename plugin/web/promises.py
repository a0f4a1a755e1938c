"""The page behind the link «Отметить исполненным» in a reminder's mail: it asks, and only a sent form acts.

Programs that scan mails follow their links with GET and HEAD; these change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, make_response, render_template

from plugin.auth.done_links import PATH, DoneLinks
from plugin.common.clock import Now, local_time, utc_now
from plugin.errors import LedgerUnavailable
from plugin.promise.marked_done import AskedReminder, MarkedDone

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

#: Nothing is loaded, nothing runs, and the form goes to this host alone.
_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_ASKS, _DONE, _OFF, _UNKNOWN, _LATER = (
    "Отметить исполненным",
    "Отмечено исполненным",
    "Напоминание отменено",
    "Ссылка не действует",
    "Сейчас отметить не получилось",
)


def serve_done_pages(app: Flask, ledger: Ledger, settings: Settings, now: Now = utc_now) -> None:
    """Add the page; where the operators' page is off there are no links, and nothing is added."""
    links = DoneLinks.of(settings.page, settings.web.path)
    if links is None:
        return
    marked = MarkedDone(ledger, links, settings.timezone, now)
    blueprint = Blueprint("promise", __name__, template_folder="templates")

    def page(title: str, status: int = 200, asked: AskedReminder | None = None, **more: Any) -> Response:
        known: dict[str, Any] = {"asked": asked, **more}
        if asked is not None:
            times = {"called_at": asked.called_at, "deadline": asked.deadline_at}
            known |= {name: local_time(at, settings.timezone) for name, at in times.items()}
            known |= {"phone": asked.phone, "client": asked.client}
        response = make_response(render_template("promise/done.html", title=title, **known), status)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Cache-Control"] = "no-store"
        return response

    def shown(asked: AskedReminder | None) -> Response:
        if asked is None:
            return page(_UNKNOWN, 404, said="Она неполна, подделана или устарела. Закройте напоминание в CRM.")
        if asked.is_done:
            return page(_DONE, asked=asked, said="Спасибо. Больше ничего делать не нужно.")
        if asked.is_off:
            return page(_OFF, asked=asked, said="По этому звонку есть новое решение: смотрите последнее письмо о нём.")
        return page(_ASKS, asked=asked, asks=True)

    def ask(mail: int, sign: str) -> Response:
        return shown(marked.asked(mail, sign))

    def act(mail: int, sign: str) -> Response:
        return shown(marked.mark(mail, sign))

    address = f"{PATH}/<int:mail>/<string(length=64):sign>"
    blueprint.add_url_rule(address, "ask", ask, methods=["GET"])
    blueprint.add_url_rule(address, "act", act, methods=["POST"])
    blueprint.register_error_handler(
        LedgerUnavailable, lambda _error: page(_LATER, 503, said="Попробуйте ещё раз через минуту.")
    )
    app.register_blueprint(blueprint)
