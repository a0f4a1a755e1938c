"""The pages that refuse: what is wrong in a few Russian words, what to do about it, and no details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flask import Response, render_template


class PageTexts(NamedTuple):
    """What a page says."""

    title: str
    advice: str


_AGAIN = "Вернитесь в карточку клиента в CRM и откройте страницу оттуда ещё раз."
_OR_ADMIN = f"{_AGAIN} Если не помогает, скажите администратору."

_WORDS = {
    "link_expired": PageTexts("Ссылка больше не действует", _AGAIN),
    "link_invalid": PageTexts("Ссылка недействительна", _OR_ADMIN),
    "operator_disabled": PageTexts("Вам закрыт доступ к этой странице", "Скажите администратору."),
    "other_call": PageTexts("Эта страница — для другого звонка", _AGAIN),
    "not_admin": PageTexts("Эта страница — для администратора", "Войдите под учётной записью администратора."),
    "not_for_role": PageTexts(
        "Эта страница — не для вашей роли", "Если она вам нужна, попросите администратора дать другую роль."
    ),
    "bad_csrf": PageTexts("Страница устарела", "Обновите её и повторите. Ничего не записано."),
    "frame_refused": PageTexts("CRM не подтвердила, что страницу открыла она", _OR_ADMIN),
    "frame_unknown": PageTexts("Эта CRM не подключена", "Скажите администратору."),
    "crm_unavailable": PageTexts("CRM сейчас не отвечает", "Подождите немного и обновите страницу."),
    "crm_refused": PageTexts("CRM не показывает этот звонок", "Скажите администратору: не хватает прав в CRM."),
    "unavailable": PageTexts("Страница сейчас недоступна", "Подождите немного и обновите её. Разговор не потерян."),
    "no_cookies": PageTexts(
        "Откройте страницу в новой вкладке",
        "Браузер не даёт странице работать внутри CRM. В отдельной вкладке всё то же самое, и разговор не потеряется.",
    ),
    "not_found": PageTexts("Такой страницы нет", "Проверьте адрес или откройте страницу из CRM заново."),
    "failed": PageTexts("Не получилось", "Обновите страницу. Если не помогает, скажите администратору."),
}


def page(code: str, status: int, headers: Mapping[str, str] | None = None, *, link: str | None = None) -> Response:
    """The page of this refusal; ``link`` opens in a tab of its own."""
    html = render_template("access/refusal.html", words=_WORDS[code], code=code, link=link)
    return Response(html, status, dict(headers or {}), mimetype="text/html")
