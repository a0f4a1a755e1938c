"""The pages that refuse: what is wrong in a few Russian words, what to do about it, and no details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flask import Response, render_template


class Words(NamedTuple):
    """What a page says."""

    title: str
    advice: str


_AGAIN = "Вернитесь в карточку клиента в CRM и откройте страницу оттуда ещё раз."
_OR_ADMIN = f"{_AGAIN} Если не помогает, скажите администратору."

_WORDS = {
    "link_expired": Words("Ссылка больше не действует", _AGAIN),
    "link_invalid": Words("Ссылка недействительна", _OR_ADMIN),
    "other_call": Words("Эта страница — для другого звонка", _AGAIN),
    "not_admin": Words("Эта страница — для администратора", "Войдите под учётной записью администратора."),
    "bad_csrf": Words("Страница устарела", "Обновите её и повторите. Ничего не записано."),
    "frame_refused": Words("CRM не подтвердила, что страницу открыла она", _OR_ADMIN),
    "frame_unknown": Words("Эта CRM не подключена", "Скажите администратору."),
    "crm_unavailable": Words("CRM сейчас не отвечает", "Подождите немного и обновите страницу."),
    "crm_refused": Words("CRM не показывает этот звонок", "Скажите администратору: не хватает прав в CRM."),
    "unavailable": Words("Страница сейчас недоступна", "Подождите немного и обновите её. Разговор не потерян."),
    "not_found": Words("Такой страницы нет", "Проверьте адрес или откройте страницу из CRM заново."),
    "failed": Words("Не получилось", "Обновите страницу. Если не помогает, скажите администратору."),
}


def page(code: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The page of this refusal."""
    html = render_template("access/refusal.html", words=_WORDS[code], code=code)
    return Response(html, status, dict(headers or {}), mimetype="text/html")
