"""Finds the phone numbers in a field of a CRM, a PBX or a report, as E.164, and lists the notations a CRM may hold.

A field holds none, one or several numbers. They are found in its text; no number is made of all its digits.

1. ``numbering_text`` turns digits of any script, dashes and blanks into ASCII and removes invisible signs.
2. ``numbering_addresses`` keeps the dialled number of an address: the user part of SIP, the number in a channel name.
3. ``numbering_text`` removes dates, times, cards and the like.
4. ``numbering_segments`` joins digits across blanks, hyphens, dots and brackets. Any other sign ends a number, so that
   notes, extensions and the next number are apart.
5. ``numbering_split`` makes numbers of whole groups of digits, where ``numbering_plan`` allows it:
   after +, 00 or 8~10, a country code and a number that is valid there (``+8 (916)`` is the Russian 8);
   after 8 or 7, ten digits, which are Russian or Kazakh; ten digits alone are, too;
   eleven to thirteen other digits, a number from abroad that lacks its +, where it is valid.

No number, and never guessed at: masks, equal or counting digits, local numbers without an area, too few or too many
digits.
Sources: ITU-T E.164 and E.123, RFC 3966, RFC 3261 §19.1.1, the Russian numbering plan.
"""

from __future__ import annotations

import re
from decimal import Decimal

from connectors.kit.numbering_addresses import dialled
from connectors.kit.numbering_plan import MOST_DIGITS, with_prefix
from connectors.kit.numbering_segments import segments
from connectors.kit.numbering_split import numbers_of
from connectors.kit.numbering_text import plain_signs, without_noise

#: ``8 (916)/123-45-67``; but ``555-00-01/02`` are two numbers, the second of which is not written out.
_SLASH = re.compile(r" ?/ ?(?=[0-9]{3})")
_RUSSIAN_LENGTH = len("+79161234567")
#: A Russian number alone, as programs write it: most fields, found without reading them as people's words.
_ALONE = re.compile(r"\+?7[0-9]{10}|8[0-9]{10}", re.ASCII)


def numbers_in(value: object) -> tuple[str, ...]:
    """The numbers in a field as E.164 (``+79161234567``), each once, in the order in which they are written.

    The field may be a text or a number (``79161234567``, ``79161234567.0``); anything else holds none. Raises nothing.
    """
    written = _written(value)
    if _ALONE.fullmatch(written):
        number = with_prefix([written.removeprefix("+")])
        return () if number is None else (number,)
    text = without_noise(dialled(plain_signs(written)))
    return _numbers(text) or (_numbers(_SLASH.sub(" ", text)) if "/" in text else ())


def first_number(value: object) -> str | None:
    """The first number in a field, None without any."""
    return next(iter(numbers_in(value)), None)


def lacks_number(value: object) -> bool:
    """Whether the field holds something, but no number: a reason to warn. None and blank text are nothing."""
    if value is None or (isinstance(value, str) and not plain_signs(value).strip()):
        return False
    return not numbers_in(value)


def same_number(one: object, other: object) -> bool:
    """Whether two fields have a number in common. A field without a number is not the same even as itself."""
    return not set(numbers_in(one)).isdisjoint(numbers_in(other))


def notations(value: object) -> tuple[str, ...]:
    """The field's first number as a CRM that compares texts may hold it: with +7, 7, 8 and with none of them.

    The last is part of all others. Without a number there are none, so nothing is searched for.
    """
    number = first_number(value)
    if number is None:
        return ()
    digits = number.removeprefix("+")
    if number.startswith("+7") and len(number) == _RUSSIAN_LENGTH:
        return number, digits, f"8{digits[1:]}", digits[1:]
    return number, digits


def parts_of_number(value: str) -> tuple[str, ...]:
    """The digits of a part of a number, as they may stand in E.164: a leading 8 may be Russia's +7. None: no digits."""
    digits = "".join(sign for sign in plain_signs(value) if "0" <= sign <= "9")
    if not digits:
        return ()
    return (digits, f"+7{digits[1:]}") if digits.startswith("8") and len(digits) > 1 else (digits,)


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number for segment in segments(text) for number in numbers_of(segment)))


def _written(value: object) -> str:
    """The field as text; empty for what can be no number, as true, -1, 0.5 and lists."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    if isinstance(value, Decimal) and not value.is_finite():
        return ""
    return str(int(value)) if 0 <= value < 10**MOST_DIGITS and value == int(value) else ""
