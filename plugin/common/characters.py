"""Names of single characters: those that cannot be seen, or are taken for others, are told by code point and name."""

from __future__ import annotations

import re
import unicodedata

#: What cannot be seen, as the inside of a regular expression's class: Unicode's Default_Ignorable_Code_Point
#: (DerivedCoreProperties.txt), which covers all bidirectional controls, with the marks of interlinear annotations and
#: the blank of braille.
UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IS_UNSEEN = re.compile(f"[{UNSEEN}]")

_QUOTE = "кавычка из текстового редактора, нужна прямая"
_APOSTROPHE = "апостроф из текстового редактора, нужен прямой"
_BLANK = "типографский пробел"
_DIRECTION = "невидимый знак направления письма"

#: What comes along when text is copied from web pages, messengers and word processors, as a Russian reader calls it.
_RUSSIAN = {
    "\t": "табуляция",
    "\n": "перевод строки",
    "\r": "возврат каретки",
    "\u0085": "перевод строки (NEL)",
    "\u00a0": "неразрывный пробел",
    "\u00ad": "мягкий перенос",
    "\u034f": "невидимый соединитель знаков",
    "\u200b": "пробел нулевой ширины",
    "\u200c": "невидимый разъединитель",
    "\u200d": "невидимый соединитель",
    "\u2010": "типографский дефис",
    "\u2011": "неразрывный дефис",
    "\u2012": "цифровое тире",
    "\u2013": "короткое тире",
    "\u2014": "тире",
    "\u2026": "многоточие одним знаком",
    "\u2028": "разделитель строк",
    "\u2029": "разделитель абзацев",
    "\u202f": "узкий неразрывный пробел",
    "\u2060": "невидимый соединитель слов",
    "\u2212": "математический минус",
    "\u2800": "пустой знак шрифта Брайля",
    "\u3000": "широкий пробел",
    "\u3164": "невидимая буква",
    "\ufeff": "метка порядка байтов (BOM)",
    "\ufffd": "знак замены испорченного знака",
    "\uff1d": "широкий знак равенства",
    **dict.fromkeys("\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u205f\u1680", _BLANK),
    **dict.fromkeys("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", _DIRECTION),
    **dict.fromkeys("«»“”„‟″＂", _QUOTE),
    **dict.fromkeys("‘’‚‛′`´＇", _APOSTROPHE),
}
_CONTROLS = {0x00: "NULL", 0x09: "TAB", 0x0A: "LINE FEED", 0x0D: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x7F: "DELETE"}
_NAMELESS = {
    "Cc": ("CONTROL CHARACTER", "управляющий знак"),
    "Cs": ("HALF OF A SURROGATE PAIR", "половина знака"),
    "Co": ("PRIVATE USE CHARACTER", "знак для частного применения"),
    "Cn": ("UNASSIGNED", "неизвестный знак"),
}
_INVISIBLE = "невидимый знак"

#: Cyrillic letters and the Latin ones that most typefaces draw alike. Capitals and small letters are told apart: of
#: «В» and «в» only the capital has a twin. Source: Unicode UTS #39, confusables.txt, and «У» beside it.
LATIN_TWINS = dict(zip("АВСЕНІЈКМОРЅТУХЇЁасеіјорѕухїё", "ABCEHIJKMOPSTYXÏËaceijopsyxïë", strict=True))
CYRILLIC_TWINS = {latin: cyrillic for cyrillic, latin in LATIN_TWINS.items()}


def code_point(character: str) -> str:
    """``U+00A0``."""
    return f"U+{ord(character):04X}"


def describe_character(character: str) -> str:
    """Code point and Unicode name, e.g. ``U+00A0 NO-BREAK SPACE``; printable ASCII in any case."""
    number = ord(character)
    nameless, _ = _NAMELESS.get(unicodedata.category(character), ("", ""))
    return f"{code_point(character)} {_CONTROLS.get(number) or unicodedata.name(character, nameless)}"


def describe_in_russian(character: str) -> str:
    """Code point and what a Russian reader calls the character, e.g. ``U+00A0, неразрывный пробел``.

    A character without a name of that kind is shown itself, where it can be seen.
    """
    category = unicodedata.category(character)
    if character in _RUSSIAN:
        name = _RUSSIAN[character]
    elif _IS_UNSEEN.match(character):
        name = _INVISIBLE
    elif category in _NAMELESS:
        name = _NAMELESS[category][1]
    elif character in LATIN_TWINS:
        name = f"«{character}» кириллицы, похожая на латинскую"
    elif character in CYRILLIC_TWINS:
        name = f"латинская «{character}», похожая на русскую"
    elif character == " ":
        name = "пробел"
    else:
        name = f"«{character}»" if character.isprintable() else _INVISIBLE
    return f"{code_point(character)}, {name}"


def culprit(line: str, index: int) -> str | None:
    """The character at this index of a line of TOML or the like, or beside it, that is probably what is wrong there.

    It is one that cannot be seen, is no ordinary blank, comes from a word processor, or, at the index itself, is a
    Cyrillic letter that passes for a Latin one. None where nothing of that kind is there.
    """
    if 0 <= index < len(line) and line[index] in LATIN_TWINS:
        return line[index]
    for near in (index, index - 1, index + 1):
        if 0 <= near < len(line) and _is_suspicious(line[near]):
            return line[near]
    return None


def _is_suspicious(character: str) -> bool:
    # Tabs and line ends are ordinary in such files, though they have names here.
    if character in "\t\n\r":
        return False
    return character in _RUSSIAN or not character.isprintable() or _IS_UNSEEN.match(character) is not None
