"""The numbering plans: reads groups of digits as a phone number in E.164, as they are dialled in Russia.

Russian numbers are checked by structure, so that new codes need no new metadata: they have ten digits, the first of
which is 3, 4, 8, 9 (in Kazakhstan 6, 7), and no code begins with 79 or 89. Other countries' are checked by the library.
Sources: ITU-T E.164 (15 digits at most, international prefix 00), the Russian plan (trunk prefix 8, abroad 8~10).
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

#: No number has more digits, the prefix 8~10 included.
MOST_DIGITS = 18
_E164_DIGITS = 15
_NATIONAL = 10
#: Digits of a foreign number whose + is missing: fewer are a Russian number or a local one, more are no number.
MOST_BARE_DIGITS = 13
_BARE_ABROAD = range(11, MOST_BARE_DIGITS + 1)
_COUNTING_UP = "12345678901234567890"
_COUNTING_DOWN = "98765432109876543210"
#: «Unavailable» on the keys of a telephone, as some exchanges send it for hidden callers.
_SPELLED = "86282452253"
_INN_WEIGHTS = (2, 4, 10, 3, 5, 9, 4, 6, 8)


def with_plus(groups: list[str]) -> str | None:
    """The number that these groups of digits make after a + or another international prefix, None if they make none.

    A group ``8`` is the Russian 8, because zone 8 has country codes of two and three digits only; so is an 8 that
    begins no number abroad. ``+495 123-45-67`` is a Russian number without its 7: 495 is no country code.
    """
    groups = _without(groups, "00")
    digits = "".join(groups)
    if digits.startswith("7") or digits == _SPELLED:
        return _trunk(groups)
    if groups[:1] == ["8"]:
        return with_prefix(groups)
    if len(digits) <= _NATIONAL and len(groups) > 1 and _is_area(groups[0]):
        return _russian(digits)
    number = _abroad(digits)
    return with_prefix(groups) if number is None and digits.startswith("8") else number


def with_prefix(groups: list[str]) -> str | None:
    """The number that these groups make if they begin with 8, 7, 8~10 or 00; None if they do not."""
    digits = "".join(groups)
    if digits.startswith("00"):
        return with_plus(_without(groups, "00"))
    if digits.startswith("810"):
        return with_plus(_without(groups, "810"))
    return _trunk(groups)


def without_prefix(groups: list[str]) -> str | None:
    """The number that these groups make without any prefix: a Russian one of ten digits, or one from abroad."""
    digits = "".join(groups)
    if len(digits) == _NATIONAL:
        return _russian(digits) if _is_likely(groups, digits) else None
    # Eleven or twelve digits that begin with 8 are a Russian number, even if a wrong one.
    if len(digits) not in _BARE_ABROAD or digits[0] in "07" or (digits[0] == "8" and len(digits) < 13):
        return None
    number = None if _has_slip(groups, digits) else _abroad(digits)
    # Without the + nobody writes the (0) that is dialled at home only: these are digits of something else.
    return number if number == f"+{digits}" else None


def _has_slip(groups: list[str], digits: str) -> bool:
    """Whether it is a Russian number with another digit for the 8, rather than one from abroad."""
    national = digits[-_NATIONAL:]
    # Turkmenistan's numbers, and those of countries of zone 37, look alike but are at home in the neighbourhood.
    if len(digits) == _NATIONAL + 1 and digits[:2] != "37" and digits[:3] != "993" and _valid(f"7{national}"):
        return True
    if tuple(map(len, groups[-4:])) == (3, 3, 2, 2) and _russian(national):
        return True
    # North America writes 3-3-4.
    return digits.startswith("1") and len(groups) > 1 and len(groups[-1]) != 4


def _without(groups: list[str], prefix: str) -> list[str]:
    """The groups without these digits at their beginning, which may be spread over several groups."""
    rest = list(groups)
    if not "".join(rest).startswith(prefix):
        return rest
    missing = len(prefix)
    while missing:
        cut = min(missing, len(rest[0]))
        rest[0] = rest[0][cut:]
        missing -= cut
        if not rest[0]:
            del rest[0]
    return rest


def _trunk(groups: list[str]) -> str | None:
    """The Russian number behind a 7 or 8; behind two of them where a form set its own before a whole number."""
    if groups[1:2] in (["7"], ["8"]) and any(len(group) > 1 for group in groups):
        groups = groups[1:]
    digits = "".join(groups)
    if digits[:1] not in ("7", "8") or digits == _SPELLED:
        return None
    # No code begins with 79 or 89. Four digits to begin with are a bank card's.
    if len(digits) == _NATIONAL + 2 and digits[1] in "78" and digits[2] == "9" and len(groups[0]) != 4:
        digits = digits[1:]
    return _russian(digits[1:])


def _russian(national: str) -> str | None:
    if len(national) != _NATIONAL or national[0] not in "346789" or national[:2] in ("79", "89"):
        return None
    return None if _is_filler(national) else f"+7{national}"


def _is_likely(groups: list[str], digits: str) -> bool:
    """Whether ten digits are a number: ``7 916 123-45-6`` and ``8 (3513) 5-12-34`` lack one, 7707083893 is an INN."""
    if len(groups) > 1:
        if groups[0] in ("7", "8"):
            return False
        if len(groups[0]) == 3:
            return True
        # Series and number of a passport; mobile codes have three digits.
        lengths = tuple(map(len, groups))
        if lengths == (2, 2, 6) or (lengths == (4, 6) and digits[0] in "79"):
            return False
    elif digits[0] == "7" and _is_inn(digits):
        return False
    return _valid(f"7{digits}") is not None


def _is_area(group: str) -> bool:
    return len(group) == 3 and int(group) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE


def _is_filler(digits: str) -> bool:
    return len(set(digits)) == 1 or _COUNTING_UP.startswith(digits) or _COUNTING_DOWN.startswith(digits)


def _is_inn(digits: str) -> bool:
    """Whether the last of ten digits is the check digit of a Russian taxpayer's number (INN)."""
    weighed = sum(weight * int(digit) for weight, digit in zip(_INN_WEIGHTS, digits, strict=False))
    return weighed % 11 % 10 == int(digits[-1])


@lru_cache(maxsize=4096)
def _abroad(digits: str) -> str | None:
    number = _valid(digits)
    if number is None or number.country_code == 7:
        return None
    e164: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if _is_filler(digits) or _is_filler(e164[1 + len(str(number.country_code)) :]) else e164


def _valid(digits: str) -> phonenumbers.PhoneNumber | None:
    """The number with this country code, if the library knows its range."""
    if not digits or len(digits) > _E164_DIGITS:
        return None
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
