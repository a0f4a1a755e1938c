"""One notation for phone numbers, so that the same number reported in two notations is the same caller."""

from __future__ import annotations

import phonenumbers

#: Numbers without a country code are read as numbers of this country (ISO 3166).
REGION = "RU"


def normalised(phone: str) -> str | None:
    """The number in E.164 (``+79161234567``); the bare digits where it is no such number; None without any digit."""
    try:
        number = phonenumbers.parse(phone, REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return "".join(str(int(character)) for character in phone if character.isdecimal()) or None
