"""One account at a dialler: a number put into its list, taken out of it, and looked for in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Check, CrmRefused, CrmUnavailable, Done, Limits, NotDone, Outcome, Quota, Store
from connectors.dialler.settings import EntryTable
from connectors.dialler.trying import DiallerTrial
from connectors.http.client import HttpAnswer
from connectors.http.settings import limits_of
from connectors.kit.notation import NumberNotation
from connectors.kit.phones import notations, same_number
from connectors.protocol.check import read_failed
from connectors.protocol.outcomes import not_done_because
from connectors.protocol.trying import TryStep, TryValues
from connectors.rest.checks import RestChecks
from connectors.rest.client import RestClient
from connectors.rest.context import Context, TemplateValues
from connectors.rest.error_map import ErrorMap
from connectors.rest.misfit import not_read, not_written
from connectors.rest.request import Request
from connectors.rest.template import NotRendered

#: Kept free for fiction by the North American plan, so that no client has it.
NO_ONES_NUMBER = "+12025550100"
#: Entries of one number that are taken out at most: more are no list of numbers.
_MOST_ENTRIES = 5


class DiallerAccount:
    """Thread-safe. ``settings`` are loaded by ``DiallerSettings``; numbers are E.164.

    Writes return an ``Outcome`` and never raise for what the network or the dialler does; reads raise CrmUnavailable
    or CrmRefused.
    """

    def __init__(self, settings: Mapping[str, Any], *, new_id: Callable[[], str] = lambda: uuid.uuid4().hex) -> None:
        self._settings = settings
        self._values = TemplateValues(settings)
        self._notation = NumberNotation(settings["number"])
        self._has: EntryTable = settings["has"]
        self._new_id = new_id
        error = settings.get("error") or {}
        meanings = ErrorMap(settings["answers"], error.get("code", ()), error.get("message", ()))
        limits = limits_of(settings)
        self._client = RestClient(settings, limits, meanings)
        self._by_id = settings["remove"].uses_name("id")
        pages = self._has.find.pages.most if self._has.find.pages else 1
        once = pages + (_MOST_ENTRIES if self._by_id else 1) + (2 if self._client.renews else 0)
        self._limits = replace(limits, requests_per_write=once)

    def limits(self) -> Limits:
        """Its time-outs and quota; ``requests_per_write`` covers a look-up and what follows from it."""
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        """From now on, ask ``quota`` too before every request."""
        self._client.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        """From now on, keep renewed tokens there."""
        self._client.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    # --- the list ----------------------------------------------------------------------------------

    def entries(self, number: str) -> Sequence[str | None]:
        """The ids of the entries of this number, None for one that shows none; empty where it is not in the list."""
        context, find, phone = self._context(number), self._has.find, self._has.phone
        found: list[str | None] = []
        try:
            for record in self._client.records(find.request, context, find.records, find.pages):
                if phone is not None and not same_number(phone.get(record), number):
                    continue
                found.append(find.records.id_of(record))
                if len(found) > _MOST_ENTRIES:
                    raise CrmRefused(f"the dialler shows more than {_MOST_ENTRIES} entries of one number: see [has]")
        except NotRendered as error:
            raise not_read("the number cannot be looked for", error) from None
        return found

    def add(self, number: str) -> Outcome:
        """Put it in. One that is there already counts as done."""
        return self._written(self._settings["add"], self._context(number), ("done",))

    def remove(self, number: str, entries: Sequence[str | None]) -> Outcome:
        """Take these entries of it out. One that is gone already counts as done."""
        request: Request = self._settings["remove"]
        if not self._by_id:
            return self._written(request, self._context(number), ("done", "missing"))
        for entry in entries:
            if entry is None:
                return NotDone("the dialler shows the entry without an id: see [has] id", permanent=True)
            outcome = self._written(request, {**self._context(number), "id": entry}, ("done", "missing"))
            if not isinstance(outcome, Done):
                return outcome
        return Done("")

    # --- for the doctor, and by hand ---------------------------------------------------------------

    def probe(self) -> None:
        """Ask something cheap, so that it shows whether it answers. Raises CrmUnavailable, CrmRefused."""
        self.entries(NO_ONES_NUMBER)

    def check(self) -> Sequence[Check]:
        """The description's points, and that a number can be looked for. Never raises, writes nothing."""
        values = {**self._settings, "person": None, "card": {}}
        points = RestChecks(self._client, _WithRequestId(self._settings, self._new_id), values).account()
        if any(not point.ok for point in points):
            return points
        name = "a number can be looked for in its list"
        try:
            found = self.entries(NO_ONES_NUMBER)
        except (CrmUnavailable, CrmRefused) as error:
            return [*points, read_failed(name, error, f"See [has]: {error}")]
        remedy = f"A number that nobody has is found ({len(found)} entries): [has] must find the number alone"
        return [*points, Check(name, not found, remedy if found else "")]

    def try_table(self, name: str, given: TryValues, *, send: bool) -> Iterator[TryStep]:
        """What one table asks, and what it makes of the answer; nothing is sent without ``send``. Raises CrmRefused."""
        trial = DiallerTrial(self._client, self._values, self._settings, self._context)
        try:
            yield from trial.table(name, given, send=send)
        except NotRendered as error:
            raise CrmRefused(str(error)) from None

    # --- details -----------------------------------------------------------------------------------

    def _context(self, number: str) -> Context:
        return self._values.of(
            number=self._notation.write(number),
            e164=number,
            notations=list(notations(number)) or [number, number.removeprefix("+")],
            request_id=self._new_id(),
        )

    def _written(self, request: Request, context: Context, good: tuple[str, ...]) -> Outcome:
        try:
            result, meaning = self._client.write(request, context)
        except NotRendered as error:
            return not_written("the dialler's list cannot be changed", error)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        return Done("") if isinstance(result, HttpAnswer) or meaning in good else result


class _WithRequestId(TemplateValues):
    """The values of a check's request, which names no number."""

    def __init__(self, settings: Mapping[str, Any], new_id: Callable[[], str]) -> None:
        super().__init__(settings)
        self._new_id = new_id

    def of(self, **values: Any) -> Context:
        return super().of(request_id=self._new_id(), **values)
