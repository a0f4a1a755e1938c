"""Cleans the text of a number field: all digits, dashes and blanks in ASCII, without dates, times and other digits.

What is removed leaves a ``|``, across which no number reaches.
"""

from __future__ import annotations

import html
import re
import unicodedata

BREAK = "|"
_SAME: dict[str, str] = {
    **dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"),
    **dict.fromkeys("[{（［｛", "("),
    **dict.fromkeys("]}）］｝", ")"),
    **dict.fromkeys("＋﹢⁺₊➕", "+"),
    **dict.fromkeys("·⋅‧∙․。．", "."),
    **dict.fromkeys("∼～˜〜", "~"),
    **dict.fromkeys("／∕⁄", "/"),
    **dict.fromkeys("“”„‟＂", '"'),
    **dict.fromkeys("\u2212\u2043", "-"),
    **{chr(code): chr(code - 0xFEE0) for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))},
    "，": ",",
    "；": ";",
    "：": ":",
    "＠": "@",
    "＃": "#",
    "＊": "*",
    "＝": "=",
    "＜": "<",
    "＞": ">",
    "\u2800": " ",
}


class _Signs(dict[int, str]):
    """The ASCII sign of each character, for ``str.translate``. Invisible signs and marks on digits are dropped."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            return str(unicodedata.decimal(char))
        if category == "Pd":
            return "-"
        if category in ("Zs", "Cc"):
            return " "
        return "" if category in ("Cf", "Mn", "Me") else char


_SIGNS = _Signs({code: chr(code) for code in (*range(0x20, 0x7F), 0x09, 0x0A)})
_SIGNS.update({ord(char): plain for char, plain in _SAME.items()})

# Of bounded length: longer digits would be too much for int().
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_ESCAPED = re.compile(r"%(2[B089D]|40)", re.IGNORECASE)
#: 79,161,234,567: a Russian number as a spreadsheet shows it. Other groups may be a list of extensions.
_THOUSANDS = re.compile(r"(?<![0-9,.])[78][0-9](?:,[0-9]{3}){3}(?![0-9,])")
_EXPONENT = re.compile(r"(?<![0-9.,])([0-9])[.,]([0-9]{1,17})[eEеЕ]\+?([0-9]{1,2})(?![0-9])")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_NOISE = re.compile(
    "|".join(
        (
            # 79161234567.0, as a spreadsheet exports it.
            r"(?<=[0-9]{10})[.,]0{1,2}(?![0-9])",
            # Dates, times and IP addresses.
            r"(?<![0-9.-])[0-3]?[0-9][./][01]?[0-9][./](?:19|20)[0-9]{2}(?![0-9])",
            r"(?<![0-9.-])(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9-])",
            r"(?<![0-9])[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?![0-9])",
            rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9.])",
            # SNILS, the number of an insured person: eleven digits, grouped as no phone number is.
            r"(?<![0-9-])[0-9]{3}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}(?![0-9-])",
            # Cards of banks, moments without signs between, UUIDs and digests.
            r"(?<![0-9-])[0-9]{4}(?:[ -][0-9]{4}){3}(?![0-9-])",
            r"(?<![0-9+])(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9](?![0-9])",
            r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-zA-Z])",
            r"(?<![0-9a-zA-Z])[0-9a-fA-F]{32,64}(?![0-9a-zA-Z])",
            # Service codes before a number: #31#, *67*.
            r"[*#]{1,2}[0-9]{2,3}[*#]",
            # What is dialled after the answer: pauses and tones. A whole number stays, two may be listed like that.
            r"(?<=[0-9])(?:,{2,}|[*#pPwWxX])(?:[0-9]{1,10}(?![0-9])|[0-9]{11,32}(?=#))",
        )
    )
)


def plain_signs(text: str) -> str:
    """The text with entities and escapes read, digits of any script as ASCII, and nothing invisible."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = text.translate(_SIGNS)
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text


def without_noise(text: str) -> str:
    """Plain text without dates, times, IP addresses, card numbers and other digits that are no phone number."""
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    text = _EXPONENT.sub(_written_out, text)
    return _NOISE.sub(BREAK, text)


def _written_out(match: re.Match[str]) -> str:
    """A number that a spreadsheet shows as 7.9161234567E+10; with fewer digits than that, its end is lost."""
    lead, fraction, exponent = match[1], match[2], int(match[3])
    whole, rest = fraction[:exponent], fraction[exponent:]
    return BREAK if len(whole) < exponent or rest.strip("0") else f"{lead}{whole}"
