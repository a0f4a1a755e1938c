"""One notation for phone numbers, so that the same number reported in two notations is the same caller."""

from __future__ import annotations

import phonenumbers

#: Numbers without a country code are read as numbers of this country (ISO 3166).
REGION = "RU"


def normalised(phone: str) -> str | None:
    """The number in E.164 (``+79161234567``); the bare digits where it is no such number; None without any digit.

    A number that can be none of this country is read as another one's whose + is missing.
    """
    digits = "".join(str(int(character)) for character in phone if character.isdecimal())
    number = _parsed(phone, REGION)
    if number is not None and phonenumbers.is_possible_number(number):
        return _e164(number)
    number = _parsed(f"+{digits}", None)
    if number is not None and phonenumbers.is_valid_number(number):
        return _e164(number)
    return digits or None


def _parsed(phone: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
