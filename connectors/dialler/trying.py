"""Tries one table of a dialler's description by hand, as ``connectors.rest.trying`` does it for a CRM's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.base import CrmRefused
from connectors.dialler.settings import EntryTable
from connectors.http.answers import HttpAnswer
from connectors.kit.phones import first_number
from connectors.protocol.trying import TryStep, TryValues
from connectors.rest import samples
from connectors.rest.client import RestClient
from connectors.rest.contacts import RestContacts
from connectors.rest.context import Context, TemplateValues
from connectors.rest.places import Place
from connectors.rest.trying import RestTrial


class DiallerTrial(RestTrial):
    """With the number that is given, or a sample's where nothing is sent."""

    def __init__(
        self,
        client: RestClient,
        values: TemplateValues,
        settings: Mapping[str, Any],
        context: Callable[[str], Context],
    ) -> None:
        contacts = RestContacts(client, values, settings, lambda card: None)
        super().__init__(client, values, contacts, settings, lambda record: {})
        self._of_number = context

    def _contexts(self, place: Place, given: TryValues, *, send: bool) -> Sequence[Context]:
        number = first_number(given.phone or samples.PHONE)
        if number is None:
            raise CrmRefused("--phone: this is no phone number")
        if send and not given.phone and place[0] != "check":
            raise CrmRefused("to be sent, this table needs --phone")
        return [{**self._of_number(number), "id": given.id or "42"}]

    def _read(self, table: Any, answer: HttpAnswer, context: Context) -> Iterator[TryStep]:
        return super()._read(table.find if isinstance(table, EntryTable) else table, answer, context)
