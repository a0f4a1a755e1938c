"""The kinds of card that Bitrix24 has, and what each of its methods calls them.

Source: https://apidocs.bitrix24.ru/api-reference/crm/data-types.html#object_type
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.base import CardRef

_ID = re.compile(r"[1-9][0-9]{0,17}")
_DYNAMIC = re.compile(r"dynamic_([1-9][0-9]{2,5})")


@dataclass(frozen=True, slots=True)
class EntityType:
    """``number`` is the entityTypeId, ``task_prefix`` what stands before the id in a task's UF_CRM_TASK."""

    name: str
    number: int
    task_prefix: str

    def path(self, card_id: str) -> str:
        """The page of a card in the portal."""
        if self.name.startswith("dynamic_"):
            return f"crm/type/{self.number}/details/{card_id}/"
        return f"crm/{self.name}/details/{card_id}/"


#: The types with cards of clients; ``dynamic_<entityTypeId>`` are items of smart processes.
TYPES = {
    "contact": EntityType("contact", 3, "C"),
    "lead": EntityType("lead", 1, "L"),
    "deal": EntityType("deal", 2, "D"),
    "company": EntityType("company", 4, "CO"),
}
CONTACT = TYPES["contact"]
_BY_NUMBER = {item.number: item for item in TYPES.values()}


def type_named(name: str) -> EntityType | None:
    """The type by the name that the plugin and ENTITY_TYPE use, in any case."""
    known = TYPES.get(name.lower())
    dynamic = _DYNAMIC.fullmatch(name.lower())
    if known is None and dynamic is not None:
        number = int(dynamic[1])
        return EntityType(dynamic[0], number, f"T{number:x}")
    return known


def type_numbered(number: object) -> EntityType | None:
    """The type by its entityTypeId."""
    written = str(number)
    if not _ID.fullmatch(written):
        return None
    return _BY_NUMBER.get(int(written)) or type_named(f"dynamic_{written}")


def is_id(value: object) -> bool:
    """Whether this can be the id of a record."""
    return isinstance(value, str | int) and not isinstance(value, bool) and _ID.fullmatch(str(value)) is not None


def place(card: CardRef) -> tuple[EntityType, str] | None:
    """The card's type and id; None for what no card of this CRM can be called."""
    found = type_named(card.type)
    return (found, card.id) if found is not None and is_id(card.id) else None


def ref(kind: object, card_id: object, *, numbered: bool = False) -> CardRef | None:
    """A card as the CRM names it, by type name or number; None where it names none."""
    found = type_numbered(kind) if numbered else type_named(str(kind))
    return CardRef(found.name, str(card_id)) if found is not None and is_id(card_id) else None
