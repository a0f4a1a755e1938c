"""Cards read and contacts found: requests as described, and what comes back compared here, whatever the CRM matched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Card, CardRef
from connectors.kit.card_fields import read_card_fields
from connectors.kit.mapping import FactFields
from connectors.kit.names import name_parts, same_name
from connectors.kit.phones import first_number, notations, same_number
from connectors.rest.client import RestClient
from connectors.rest.context import Context, TemplateValues
from connectors.rest.misfit import not_read
from connectors.rest.model import Contacts, Shape
from connectors.rest.paths import Path, as_text
from connectors.rest.template import NoAddress, NotRendered
from plugin.common.text import clean

#: A name of more words is looked up by the first of them.
_MOST_WORDS = 4


class RestContacts:
    """Reads of clients' records; ``seen`` is told of each card that is there. Raises CrmUnavailable, CrmRefused."""

    def __init__(
        self, account: RestClient, values: TemplateValues, settings: Mapping[str, Any], seen: Callable[[CardRef], None]
    ) -> None:
        self._account = account
        self._values = values
        self._settings = settings
        self._seen = seen

    def card(self, ref: CardRef) -> Card | None:
        """The card, or None where there is none of this type and id."""
        kind, record = self._settings["card"].get(ref.type), self._record(ref)
        if kind is None or record is None:
            return None
        declared: FactFields = self._settings["card_fields"]
        held = read_card_fields(declared, lambda path: Path.parse(path).get(record))
        return replace(self._shaped(kind.shape, ref, record), fields=held.fields, unmapped=held.unmapped)

    def exists(self, ref: CardRef) -> bool:
        """Whether there is such a card, whatever it shows."""
        return self._record(ref) is not None

    def _record(self, ref: CardRef) -> dict[str, Any] | None:
        kind = self._settings["card"].get(ref.type)
        if kind is None:
            return None
        try:
            data = self._account.read(kind.request, self._values.of(card=self._values.card(ref)))
        except NoAddress:
            # Such an id is no card's.
            return None
        except NotRendered as error:
            raise not_read("the card cannot be read", error) from None
        record = kind.record.get(data)
        if data is None or record is None:
            return None
        if not isinstance(record, dict):
            raise not_read("the card cannot be read", "the CRM's answer holds none where [card] record says")
        self._seen(ref)
        return record

    def contacts(self, phone: str | None, name: str | None) -> list[Card]:
        """All contacts with this phone and this name; what is None is not looked at."""
        described: Contacts | None = self._settings["contact_by_phone" if phone else "contact_by_name"]
        if described is None or not (phone or name):
            return []
        found = {}
        for context in self.asked(phone, name):
            for card in self._matching(described, context):
                found[card.ref] = card
        return [card for card in found.values() if _is_meant(card, described, phone, name)]

    def asked(self, phone: str | None, name: str | None) -> list[Context]:
        """What a look-up by this number, or else by this name, asks with: one context a request."""
        described: Contacts | None = self._settings["contact_by_phone" if phone else "contact_by_name"]
        if described is None:
            return []
        uses = described.find.request.uses_name
        contexts = self._by_phone(phone, uses("notation")) if phone else self._by_name(name or "", uses("word"))
        return list(self._different(described, contexts))

    def shaped(self, shape: Shape, record: Mapping[str, Any]) -> Card:
        """What a record shows. Raises CrmUnavailable."""
        return self._shaped(shape, CardRef("", ""), record)

    def _different(self, described: Contacts, contexts: list[Context]) -> Iterator[Context]:
        """Those that make another request than an earlier one: notations differ in signs that a filter may drop."""
        asked = set()
        for context in contexts:
            try:
                prepared = described.find.request.prepared(context)
            except NotRendered as error:
                raise not_read("the contact cannot be looked up", error) from None
            if (same := (prepared.address, prepared.content)) not in asked:
                asked.add(same)
                yield context

    def _by_phone(self, phone: str, each_notation: bool) -> list[Context]:
        """What to ask with: once for each notation, or once; nothing for what is no number."""
        written = notations(phone)
        number = first_number(phone)
        return [self._values.of(phone=number, notation=one) for one in (written if each_notation else written[:1])]

    def _by_name(self, name: str, each_word: bool) -> list[Context]:
        """The same by the words of a name, as it is written and, where that differs, as it is compared."""
        folded = name_parts(name)
        if not folded:
            return []
        words = clean(name).text.split()
        spelt = [words] if " ".join(words).casefold().replace("ё", "е") == " ".join(folded) else [words, list(folded)]
        return [
            self._values.of(name=" ".join(parts), word=word)
            for parts in spelt
            for word in (parts[:_MOST_WORDS] if each_word else parts[:1])
        ]

    def _matching(self, described: Contacts, context: Context) -> list[Card]:
        try:
            find = described.find
            records = list(self._account.records(find.request, context, find.records, find.pages))
        except NotRendered as error:
            raise not_read("the contact cannot be looked up", error) from None
        cards = []
        for record in records:
            remote_id = described.find.records.id_of(record)
            if remote_id is not None:
                ref = CardRef(described.type, remote_id)
                self._seen(ref)
                cards.append(self._shaped(described.shape, ref, record))
        return cards

    def _shaped(self, shape: Shape, ref: CardRef, record: Mapping[str, Any]) -> Card:
        context = self._values.of(record=record)
        try:
            name = " ".join(shape.name.text(context).split()) if shape.name else ""
            url = shape.url.text(context) if shape.url else ""
        except NotRendered as error:
            raise not_read("the CRM's record of a card is not as described", error) from None
        return Card(ref, name or None, url or None, _held(shape.phones, record), emails=_held(shape.emails, record))


def _held(paths: Sequence[Path], record: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for path in paths:
        value = path.get(dict(record))
        found += [as_text(one) for one in (value if isinstance(value, list) else [value])]
    return tuple(dict.fromkeys(filter(None, found)))


def _is_meant(card: Card, described: Contacts, phone: str | None, name: str | None) -> bool:
    """By the record itself: a CRM may match parts of a number or of a name."""
    if phone and described.shape.phones and not any(same_number(one, phone) for one in card.phones):
        return False
    return not name or same_name(card.name or "", name)
