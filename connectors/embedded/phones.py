"""Phone numbers and names brought into the one form they are searched by."""

from __future__ import annotations

import phonenumbers

_REGION = "RU"


def normal_phone(written: str) -> str:
    """The number as E.164, read as a Russian one where no country is given; else its bare digits."""
    try:
        number = phonenumbers.parse(written, _REGION)
    except phonenumbers.NumberParseException:
        return "".join(char for char in written if char.isdigit())
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_name(written: str) -> str:
    """The full name without differences of case, spacing and ё."""
    return " ".join(written.casefold().replace("ё", "е").split())
