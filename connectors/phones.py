"""Phone numbers and names brought into the one form they are compared by, and the notations a CRM may hold them in."""

from __future__ import annotations

import phonenumbers

_REGION = "RU"


def normal_phone(written: str) -> str:
    """The number as E.164 (``+79161234567``), else its bare digits, ``""`` without any.

    Without a + it is read as a Russian one; where it can be none, as another country's whose + is missing.
    """
    digits = "".join(str(int(char)) for char in written if char.isdecimal())
    number = _parsed(written, _REGION)
    if number is None or not phonenumbers.is_possible_number(number):
        number = _parsed(f"+{digits}", None)
        if number is None or not phonenumbers.is_valid_number(number):
            return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parsed(written: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None


def same_phone(one: str, other: str) -> bool:
    """Whether both notations mean one number; without any digit they mean none."""
    normal = normal_phone(one)
    return any(char.isdigit() for char in normal) and normal == normal_phone(other)


def notations(written: str) -> tuple[str, ...]:
    """The number as CRMs that compare texts may hold it: +79161234567, 79161234567, 89161234567, 9161234567."""
    normal = normal_phone(written)
    digits = normal.removeprefix("+")
    found = [normal, digits]
    if normal.startswith("+7") and len(digits) == 11:
        found += [f"8{digits[1:]}", digits[1:]]
    return tuple(dict.fromkeys(filter(None, found)))


def normal_name(written: str) -> str:
    """The full name without differences of case, spacing and ё."""
    return " ".join(written.casefold().replace("ё", "е").split())


def same_name(one: str, other: str) -> bool:
    """Whether both are one full name, in whatever order its parts stand."""
    return sorted(normal_name(one).split()) == sorted(normal_name(other).split()) != []
