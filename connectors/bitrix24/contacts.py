"""Reading cards, and finding contacts by phone and by full name.

Sources: https://apidocs.bitrix24.ru/api-reference/crm/universal/crm-item-get.html, /crm-item-list.html,
/crm/duplicates/crm-duplicate-find-by-comm.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Card, CardRef, CrmRefused, CrmUnavailable
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import MOST_COMMANDS, BatchAnswer, Command, Later
from connectors.bitrix24.errors import is_gone
from connectors.bitrix24.types import CONTACT, EntityType, is_id, place, ref
from connectors.kit.card_fields import read_card_fields
from connectors.kit.mapping import NO_FIELDS, FactFields
from connectors.kit.names import name_parts, same_name
from connectors.kit.phones import notations, same_number
from plugin.common.text import clean

_NAMES = ("lastName", "name", "secondName")
_PAGE = 50
_MOST_PAGES = 10


def read_item(portal: Bitrix24Client, card: CardRef) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The card's fields, and those of the contact it belongs to; None where there is no such card.

    One request. User fields have the names by which the portal's settings show them (UF_CRM_…). Raises CrmUnavailable,
    CrmRefused.
    """
    commands = card_commands(card)
    return card_in(portal, portal.ask(commands)) if commands else None


def card_commands(card: CardRef, key: str = "card") -> dict[str, Command]:
    """What reads a card under this key, and the contact it belongs to; nothing for a card that cannot exist."""
    where = place(card)
    if where is None:
        return {}
    kind, card_id = where
    commands = {key: _get(kind.number, card_id)}
    if kind is not CONTACT:
        commands[f"{key}_contact"] = _get(CONTACT.number, Later(key, ("item", "contactId")))
    return commands


def card_in(
    portal: Bitrix24Client, answer: BatchAnswer, key: str = "card"
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What ``card_commands`` were answered with, as ``read_item`` gives it. Raises CrmUnavailable, CrmRefused."""
    refused = portal.refusal(answer, key, "crm.item.get")
    if isinstance(refused, CrmRefused) and is_gone(refused):
        return None
    if refused is not None:
        raise refused
    item = _item(answer.results[key])
    if item is None:
        raise CrmUnavailable(f"{portal.host} answered crm.item.get with something that is no card")
    contact = _item(answer.results.get(f"{key}_contact")) or {}
    # A reference to an empty field is filled in with something else, and might read another contact.
    return item, contact if str(contact.get("id")) == str(item.get("contactId")) else {}


def read_cards(
    portal: Bitrix24Client, cards: Sequence[CardRef], declared: FactFields = NO_FIELDS
) -> dict[CardRef, Card | None]:
    """The cards by as few batches as hold them, None for each that is not there; one that is refused is left out.

    Raises CrmUnavailable, CrmRefused.
    """
    found: dict[CardRef, Card | None] = {}
    batch: dict[str, Command] = {}
    asked: dict[str, CardRef] = {}
    for number, card in enumerate(cards):
        commands = card_commands(card, f"c{number}")
        if not commands:
            found[card] = None
        if len(batch) + len(commands) > MOST_COMMANDS:
            found |= _asked(portal, batch, asked, declared)
            batch, asked = {}, {}
        batch |= commands
        asked |= {f"c{number}": card} if commands else {}
    return found | _asked(portal, batch, asked, declared)


def card_of(portal: Bitrix24Client, card: CardRef, item: Mapping[str, Any], contact: Mapping[str, Any]) -> Card:
    """The card as the plugin speaks of it. A deal or a company is called after its contact where it has one."""
    name = full_name(item) or full_name(contact) or str(item.get("title") or "").strip() or None
    kind, card_id = place(card) or (CONTACT, card.id)
    phones, emails = (tuple(dict.fromkeys((*_held(item, held), *_held(contact, held)))) for held in ("PHONE", "EMAIL"))
    return Card(CardRef(kind.name, card_id), name, _url(portal, kind, card_id), phones, emails=emails)


def read_card(portal: Bitrix24Client, card: CardRef, declared: FactFields = NO_FIELDS) -> Card | None:
    """The card with these fields, or None where there is none. Raises CrmUnavailable, CrmRefused."""
    found = read_item(portal, card)
    return None if found is None else _with_fields(portal, card, found, declared)


def find_contacts(portal: Bitrix24Client, phone: str | None, name: str | None) -> Sequence[Card]:
    """All contacts with this phone, in any notation, and this full name. Raises CrmUnavailable, CrmRefused."""
    if phone:
        found = [card for card in _by_phone(portal, phone) if any(same_number(phone, own) for own in card.phones)]
        return [card for card in found if not name or same_name(name, card.name or "")]
    return [card for card in _by_name(portal, name) if same_name(name, card.name or "")] if name else []


def full_name(item: Mapping[str, Any]) -> str:
    """Last, first and second name, as far as the card has them."""
    return " ".join(str(item[part]).strip() for part in _NAMES if item.get(part)).strip()


# --- details ---------------------------------------------------------------------------------------


def _with_fields(
    portal: Bitrix24Client, ref: CardRef, found: tuple[dict[str, Any], dict[str, Any]], declared: FactFields
) -> Card:
    item, contact = found
    held = read_card_fields(declared, item.get, contact.get)
    return replace(card_of(portal, ref, item, contact), fields=held.fields, unmapped=held.unmapped)


def _asked(
    portal: Bitrix24Client, batch: Mapping[str, Command], asked: Mapping[str, CardRef], declared: FactFields
) -> dict[CardRef, Card | None]:
    found: dict[CardRef, Card | None] = {}
    answer = portal.ask(batch) if batch else BatchAnswer()
    for key, card in asked.items():
        try:
            items = card_in(portal, answer, key)
        except CrmRefused:
            # Asked for by itself it will tell why.
            continue
        found[card] = None if items is None else _with_fields(portal, card, items, declared)
    return found


def _get(number: int, card_id: str | Later) -> Command:
    return Command("crm.item.get", {"entityTypeId": number, "id": card_id, "useOriginalUfNames": "Y"})


def _item(result: Any) -> dict[str, Any] | None:
    item = result.get("item") if isinstance(result, Mapping) else None
    return dict(item) if isinstance(item, Mapping) else None


def _held(item: Mapping[str, Any], kind: str) -> Iterator[str]:
    """The numbers or addresses among an item's ways to reach it."""
    values = item.get("fm")
    for value in values if isinstance(values, list) else []:
        if isinstance(value, Mapping) and value.get("typeId") == kind and value.get("value"):
            yield str(value["value"])


def _url(portal: Bitrix24Client, kind: EntityType, card_id: str) -> str:
    return f"{portal.address}/{kind.path(card_id)}"


def _by_phone(portal: Bitrix24Client, phone: str) -> Iterator[Card]:
    written = notations(phone)
    if not written:
        return
    # More than 20 contacts with one number suppress other types, so only contacts are asked for.
    params = {"type": "PHONE", "values": list(written), "entity_type": "CONTACT"}
    found = portal.call("crm.duplicate.findbycomm", params)
    # Nothing found is a list, something found a map.
    ids = found.get("CONTACT") if isinstance(found, Mapping) else None
    wanted = [str(number) for number in ids if is_id(number)] if isinstance(ids, list) else []
    for start in range(0, len(wanted), _PAGE):
        yield from _listed(portal, {"@id": wanted[start : start + _PAGE]})


def _by_name(portal: Bitrix24Client, name: str) -> Iterator[Card]:
    folded = name_parts(name)
    if not folded:
        return
    words = clean(name).text.split()
    spellings = list(dict.fromkeys(spelling for word in (*words, *folded) for spelling in _spellings(word)))
    whole = list(dict.fromkeys((" ".join(words), " ".join(folded))))
    # Parts in their own fields, whichever is which, or, as imports leave it, all of it in one of them.
    either = {
        "logic": "OR",
        "0": {"@lastName": spellings, "@name": spellings},
        "1": {"@name": whole},
        "2": {"@lastName": whole},
    }
    yield from _listed(portal, {"0": either})


def _spellings(word: str) -> Iterator[str]:
    """The word as it may be written: the portal may tell е from ё, and й of one character from й of two."""
    yield word
    yield unicodedata.normalize("NFD", word)
    yield word.replace("ё", "е").replace("Ё", "Е")
    for place_, char in enumerate(word):
        if char in "еЕ":
            yield word[:place_] + ("ё" if char == "е" else "Ё") + word[place_ + 1 :]


def _listed(portal: Bitrix24Client, condition: Mapping[str, Any]) -> Iterator[Card]:
    # Phones come only with all fields, they cannot be selected by name.
    params: dict[str, Any] = {"entityTypeId": CONTACT.number, "filter": condition, "select": ["*"]}
    for page in range(_MOST_PAGES):
        envelope = portal.envelope("crm.item.list", {**params, "order": {"id": "ASC"}, "start": page * _PAGE})
        result = envelope["result"]
        items = result.get("items") if isinstance(result, Mapping) else None
        if not isinstance(items, list):
            raise CrmUnavailable(f"{portal.host} answered crm.item.list with something that is no list")
        for item in items:
            found = ref(CONTACT.name, item.get("id")) if isinstance(item, Mapping) else None
            if found is not None:
                yield card_of(portal, found, item, {})
        if not envelope.get("next"):
            return
    raise CrmRefused(f"{portal.host} has far too many matches for one client")
