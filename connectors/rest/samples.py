"""Tries a description when it is read: each template and request once with values as they come, the odd ones too.

So a type error, or a header that cannot hold a Cyrillic name, is a fault of the description with its place, and not a
promise that waits. Of what only the CRM knows, its records and ids, no more is supposed than that JSON holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import CardRef
from connectors.rest.context import Context, TemplateValues, keyed
from connectors.rest.filters import Anything
from connectors.rest.places import Place, requests_at, templates_at
from connectors.rest.request import Request
from connectors.rest.template import NotRendered, TextTemplate

KEY = "0123456789abcdef" * 4
_DUE = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
USUAL = {
    "subject": "Напоминание",
    "text": "Просит больше не звонить.\n[ref:0123456789abcdef]",
    "why": "Клиент передумал",
    "name": "Иванов Иван Иванович",
    "word": "Иванов",
}
_ODD = {
    "subject": 'Напоминание: О\'Коннор "Ё" <&>',
    "text": 'О\'Коннор сказал: «нет» & "никогда" \\ % _ {} 🙏\r\n\r\n[ref:0123456789abcdef]',
    "why": 'О\'Коннор "передумал"',
    "name": 'О\'Коннор-Ёлкин Шон (мл.) "Ш"',
    "word": "О'Коннор-Ёлкин",
}
NAME = USUAL["name"]
#: A record of the CRM's own of which nothing is known.
ANY_RECORD = Anything("42", True)
_NOTATIONS = ("+79161234567", "79161234567", "89161234567", "9161234567")
PHONE = _NOTATIONS[0]
_PERSON = {"user": "42", "address": "coordinator@example.org"}
_NOBODY: tuple[Mapping[str, str | None], ...] = ({"user": "42", "address": None},)
#: A mail may also go to somebody who is no user of the CRM.
_MAILED: tuple[Mapping[str, str | None], ...] = (*_NOBODY, {"user": None, "address": "coordinator@example.org"})


def faults(settings: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What fails with sample values, with its place; a request is tried as a whole where its templates are good."""
    told: set[Place] = set()
    values = TemplateValues(settings)
    for place, template in templates_at(settings):
        error = next((why for one in _contexts(values, settings, place) if (why := _fails(template, one))), None)
        if error is not None:
            told.add(place)
            yield place, f"{error} (tried with sample values)"
    for place, request in requests_at(settings):
        if any(one[: len(place)] == place for one in told):
            continue
        error = next(
            (
                why
                for one in _contexts(values, settings, place)
                if (why := _unsendable(settings["defaults"].under(request), one))
            ),
            None,
        )
        if error is not None:
            yield place, f"{error} (tried with sample values)"


def _fails(template: TextTemplate, context: Context) -> str | None:
    try:
        if template.is_path:
            template.text(context)
        else:
            template.value(context)
    except NotRendered as error:
        return str(error)
    return None


def _unsendable(request: Request, context: Context) -> str | None:
    try:
        request.prepared(context)
    except NotRendered as error:
        return str(error)
    return None


def _contexts(values: TemplateValues, settings: Mapping[str, Any], place: Place) -> Iterator[Context]:
    """The usual values, then each kind of odd ones."""
    kinds = [str(place[1])] if place[0] == "card" and len(place) > 1 else list(settings.get("card", {}))
    people = _MAILED if place[0] == "email" else _NOBODY
    for kind in kinds or ["contact"]:
        yield _context(values, kind, USUAL)
    kind = (kinds or ["contact"])[0]
    yield _context(values, kind, _ODD, holds=False)
    for notation in _NOTATIONS[1:]:
        yield _context(values, kind, USUAL, notation=notation)
    for someone in people:
        yield _context(values, kind, USUAL, assignee=someone)


def _context(
    values: TemplateValues, kind: str, texts: Mapping[str, str], *, holds: bool = True, **more: Any
) -> Context:
    given = {"notation": _NOTATIONS[0], "assignee": _PERSON, **more}
    return values.of(
        card=values.card(CardRef(kind, "42")),
        id="42",
        ids=["42", "43"],
        due=_DUE,
        since=_DUE,
        until=_DUE,
        phone=_NOTATIONS[0],
        number=_NOTATIONS[0],
        e164=_NOTATIONS[0],
        notations=_NOTATIONS,
        request_id=KEY[:32],
        record=Anything("42", holds),
        **keyed(KEY),
        **texts,
        **given,
    )
