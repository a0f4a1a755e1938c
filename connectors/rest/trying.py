"""Tries one table of a description: the request as it goes out, the raw answer, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.base import CardRef, CrmRefused, CrmUnavailable, TryStep, TryValues
from connectors.http.answers import HttpAnswer
from connectors.rest import samples
from connectors.rest.client import RestClient
from connectors.rest.conditions import AnyOf, Condition
from connectors.rest.contacts import RestContacts
from connectors.rest.context import Context, TemplateValues, keyed, person
from connectors.rest.model import (
    CallTable,
    CardTable,
    CheckPoint,
    Contacts,
    Create,
    Find,
    PersonTable,
    ReminderList,
    ReminderTable,
    Verify,
)
from connectors.rest.paths import as_text, id_in_address
from connectors.rest.places import Place, requests_at
from connectors.rest.request import Prepared, RecordsShape, Request
from connectors.rest.syntax import suggestion
from connectors.rest.template import NotRendered

_LONGEST_ANSWER = 4_000
_MOST_RECORDS = 5
_A_DAY = timedelta(days=1)


class RestTrial:
    """Nothing is sent unless it is asked for; ``reminder`` reads one by its id.

    Raises CrmRefused for a table that there is not, and for one that is to be sent with a sample's card or id.
    """

    def __init__(
        self,
        client: RestClient,
        values: TemplateValues,
        contacts: RestContacts,
        settings: Mapping[str, Any],
        reminder: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._client = client
        self._values = values
        self._contacts = contacts
        self._settings = settings
        self._reminder = reminder

    def table(self, name: str, given: TryValues, *, send: bool) -> Iterator[TryStep]:
        """Each request that the table makes with these values, and what comes of it."""
        place, request = self._found(name, given)
        if send:
            _check_given(request, given)
        for context in self._contexts(place, given, send=send):
            prepared = self._client.prepared(request, context)
            yield TryStep("request", tuple(self._shown(prepared)))
            if not send:
                continue
            answer = self._client.tried(request, prepared)
            if not isinstance(answer, HttpAnswer):
                yield TryStep("answer", (self._client.masked(answer.why),))
                continue
            yield TryStep("answer", tuple(self._answered(answer)))
            yield TryStep("means", (self._client.meaning(request, answer),))
            yield from self._read(_at(self._settings, place), answer, context)

    # --- what is asked -----------------------------------------------------------------------------

    def _found(self, name: str, given: TryValues) -> tuple[Place, Request]:
        if name == "card" and given.card is not None:
            name = f"card.{given.card.type}"
        known = {".".join(map(str, place)): (place, request) for place, request in requests_at(self._settings)}
        if name not in known:
            raise CrmRefused(f"the description has no table {name!r} with a request{suggestion(name, known)}")
        return known[name]

    def _contexts(self, place: Place, given: TryValues, *, send: bool) -> Sequence[Context]:
        if place[0] in ("contact_by_phone", "contact_by_name"):
            by_phone = place[0] == "contact_by_phone"
            phone = (given.phone or samples.PHONE) if by_phone else None
            return self._contacts.asked(phone, None if by_phone else given.name or samples.NAME)
        card = given.card or CardRef(next(iter(self._settings["card"])), "42")
        now = self._values.of()["now"]
        more = {"user": given.assignee.user or "42", "address": given.assignee.address or "coordinator@example.org"}
        keys = keyed(given.key or samples.KEY)
        words = samples.USUAL["text"].partition("\n")[0]
        context = self._values.of(
            **samples.USUAL | {"text": f"{words}\n{keys['mark']}"},
            **keys,
            card=self._values.card(card),
            id=given.id or "42",
            ids=[given.id or "42"],
            due=now + _A_DAY,
            since=now - _A_DAY,
            until=now,
            assignee=person(given.assignee) if given.assignee.user else more,
            # What is sent may write this back.
            record=self._reminder(given.id) if send and given.id and place[0] == "withdraw" else samples.ANY_RECORD,
        )
        return [context]

    def _shown(self, prepared: Prepared) -> Iterator[str]:
        mask = self._client.masked
        yield mask(f"{prepared.method} {self._client.http.base_url}/{prepared.address}")
        for name, value in {**self._client.shown_headers(), **prepared.headers}.items():
            yield mask(f"{name}: {value}")
        if prepared.content is not None:
            yield mask(_pretty(prepared.content.decode("utf-8", "replace")))

    # --- what came of it ---------------------------------------------------------------------------

    def _answered(self, answer: HttpAnswer) -> Iterator[str]:
        yield str(answer.status)
        for name in ("Location", "OData-EntityId", "Retry-After"):
            if name in answer.headers:
                yield self._client.masked(f"{name}: {answer.headers[name]}")
        text = json.dumps(answer.data, ensure_ascii=False, indent=2) if answer.data is not None else "(no JSON)"
        yield self._client.masked(text if len(text) <= _LONGEST_ANSWER else f"{text[:_LONGEST_ANSWER]}…")

    def _read(self, table: Any, answer: HttpAnswer, context: Context) -> Iterator[TryStep]:
        data = answer.data
        if isinstance(table, ReminderList):
            yield from self._records(table.records, data, context, table.records.where, table)
        elif isinstance(table, Find | Contacts | PersonTable):
            find = table if isinstance(table, Find) else table.find
            whole = find.whole if isinstance(table, Find) else ()
            yield from self._records(find.records, data, context, (*find.records.where, *whole), table)
        elif isinstance(table, Create):
            yield from self._created(table.answer, answer, context)
        elif isinstance(table, CardTable):
            record = table.record.get(data)
            yield TryStep("read", tuple(self._shaped(table, record)))
        elif isinstance(table, ReminderTable):
            record = table.record.get(data)
            yield TryStep("done where", tuple(condition_lines(table.done, record, context)))
            if table.missing:
                yield TryStep("missing where", tuple(condition_lines(table.missing, record, context)))
        elif isinstance(table, CallTable):
            record = table.record.get(data)
            yield TryStep("counts where", tuple(condition_lines(table.when, record, context)))
            yield TryStep("is over where", tuple(condition_lines(table.final or (), record, context)))
        elif isinstance(table, CheckPoint | Verify):
            record = table.record.get(data) if isinstance(table, Verify) else data
            yield TryStep("expected", tuple(condition_lines(table.expect, record, context)))

    def _created(self, shape: RecordsShape | None, answer: HttpAnswer, context: Context) -> Iterator[TryStep]:
        if shape is None:
            yield TryStep("read", ("no id: the record is looked up by its key",))
        elif shape.id_header is not None:
            found = id_in_address(answer.headers.get(shape.id_header, ""))
            yield TryStep("read", (f"id: {found or '(none)'}",))
        else:
            yield from self._records(shape, answer.data, context, shape.where, None)

    def _records(
        self, shape: RecordsShape, data: Any, context: Context, conditions: Sequence[Condition], table: Any
    ) -> Iterator[TryStep]:
        found = shape.all_in(data)
        where = shape.items.source or "the answer"
        if found is None:
            yield TryStep("read", (f"no list and no record at {where}",))
            return
        yield TryStep("read", (f"{len(found)} records at {where}",))
        for number, record in enumerate(found[:_MOST_RECORDS], 1):
            lines = [f"id: {shape.id_of(record) or '(none)'}", *condition_lines(conditions, record, context)]
            if isinstance(table, Contacts):
                lines += self._shaped(table, record)
            yield TryStep(f"record {number}", tuple(lines))

    def _shaped(self, table: CardTable | Contacts, record: Any) -> Iterator[str]:
        if not isinstance(record, dict):
            yield "no record there"
            return
        try:
            card = self._contacts.shaped(table.shape, record)
        except (CrmRefused, CrmUnavailable) as error:
            yield str(error)
            return
        yield f"name: {card.name or '(none)'}"
        yield f"phones: {', '.join(card.phones) or '(none)'}"
        yield f"emails: {', '.join(card.emails) or '(none)'}"
        yield f"url: {card.url or '(none)'}"


def _check_given(request: Request, given: TryValues) -> None:
    """A sample's id may be somebody's."""
    needed = {
        "card": given.card,
        "id": given.id,
        "ids": given.id,
        "assignee": given.assignee.user or given.assignee.address,
    }
    options = {"card": "--card TYPE:ID", "id": "--id", "ids": "--id", "assignee": "--user"}
    lacking = [options[name] for name, value in needed.items() if request.uses_name(name) and not value]
    if lacking:
        raise CrmRefused(f"to be sent, this table needs {' and '.join(lacking)}")


def condition_lines(conditions: Sequence[Condition], record: Any, context: Context) -> Iterator[str]:
    """Each condition, whether it holds, and what is there."""
    for one in conditions:
        try:
            told = "true" if one.holds(record, {**context, "record": record}) else "false"
        except NotRendered as error:
            told = f"cannot be told ({error})"
        yield f"{shown_condition(one)}: {told}{_there(one, record)}"


def shown_condition(one: Condition) -> str:
    """A condition as it is written."""
    if isinstance(one, AnyOf):
        return f"any of ({'; '.join(map(shown_condition, one.conditions))})"
    wanted = json.dumps(one.wanted, ensure_ascii=False, default=lambda template: template.source)
    return f"{one.path.source or '(the whole)'} {one.test} {wanted}"


def _there(one: Condition, record: Any) -> str:
    if isinstance(one, AnyOf):
        return ""
    value = one.path.get(record)
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else as_text(value)
    return f" (there: {shown[:200] or 'nothing'})"


def _at(settings: Mapping[str, Any], place: Place) -> Any:
    """The table at this place."""
    here: Any = settings
    for step in place:
        is_table = isinstance(here, Mapping) or (isinstance(step, int) and isinstance(here, list | tuple))
        here = here[step] if is_table else getattr(here, str(step))
    return here


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text
