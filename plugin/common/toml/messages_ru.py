"""What ``tomllib`` finds wrong with a file, in Russian and with a remedy, for the admin."""

from __future__ import annotations

import re
import tomllib

from plugin.common.characters import LATIN_TWINS, code_point, culprit, describe_in_russian

_USUAL_HINT = "проверьте кавычки, скобки и знаки «=»"
_DOUBLED = "переименуйте или уберите лишнее"
_SLASH = "перед «\\» поставьте ещё один «\\» или возьмите текст в одинарные кавычки"

#: What tomllib says (a pattern), the same in Russian, and what to do about it.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (r"Invalid statement", "строка не похожа ни на «поле = значение», ни на «[таблица]»", _USUAL_HINT),
    (r"Expected newline or end of document", "после значения стоит лишнее", _USUAL_HINT),
    (r"Expected '=' after a key", "после имени поля нет знака «=»", _USUAL_HINT),
    (r"Invalid initial character for a key", "имя поля начинается с недопустимого знака", "возьмите его в кавычки"),
    (r"Invalid value", "непонятное значение", "текст возьмите в кавычки; допустимы также числа, true и false"),
    (r"Invalid date", "такой даты нет", "возьмите её в кавычки и проверьте"),
    (r"Unterminated string", "текст не закрыт кавычками", _USUAL_HINT),
    (r"Expected ('\"+'|\"'+\")", "текст не закрыт кавычками", _USUAL_HINT),
    (r"Unclosed array", "список не закрыт скобкой «]» или между его значениями нет запятой", _USUAL_HINT),
    (r"Unclosed inline table", "скобка «{» не закрыта на той же строке или нет запятой", _USUAL_HINT),
    (r"Expected ']+' at the end of", "заголовок таблицы не закрыт скобкой «]»", _USUAL_HINT),
    (r"Cannot overwrite a value", "поле или таблица с этим именем уже есть", _DOUBLED),
    (r"Duplicate inline table key (?P<name>'.*')", "поле «‹имя›» задано дважды", _DOUBLED),
    (r"Cannot declare \((?P<name>.*)\) twice", "таблица «‹имя›» объявлена дважды", _DOUBLED),
    (r"Cannot (mutate|redefine)", "таблица с этим именем уже заполнена иначе", _DOUBLED),
    (r"Unescaped '\\' in a string|Invalid hex value|Escaped character", "«\\» в тексте без пары", _SLASH),
    (r"Illegal character '\\n'", "текст в кавычках не закрыт на своей строке", _USUAL_HINT),
    (r"(Illegal|Found invalid) character (?P<name>'.*')", "недопустимый знак", "удалите его"),
)
#: What tomllib says where a single character may be all that is wrong.
_PERHAPS_ONE_CHARACTER = re.compile(
    r"(Invalid statement|Invalid value|Invalid initial character|Illegal|Found invalid|Unclosed|Expected (?!['\"]+ ))"
)
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")
_BARE_KEY = re.compile(r"[\w-]+")
_QUOTES = "«»“”„‟″＂‘’‚‛′`´＇"


def in_words(error: tomllib.TOMLDecodeError, text: str = "") -> tuple[str, str]:
    """What is wrong and what to do about it; the line is told elsewhere.

    Where one character of ``text`` is the cause that cannot be seen or passes for another, it is named with its column.
    """
    said = str(error)
    named = _one_character(said, text)
    if named is not None:
        return named
    for pattern, what, hint in _WORDS:
        found = re.match(pattern, said)
        if found:
            return what.replace("‹имя›", _name(found)), hint
    return re.sub(r" \(at .*\)$", "", said), _USUAL_HINT


def _one_character(said: str, text: str) -> tuple[str, str] | None:
    place = _PLACE.search(said)
    if place is None or not _PERHAPS_ONE_CHARACTER.match(said):
        return None
    line, index = text.split("\n")[int(place[1]) - 1], int(place[2]) - 1
    character = culprit(line, index)
    if character is None and said.startswith(("Illegal", "Found invalid")) and index < len(line):
        character = line[index]
    if character is None or (character in LATIN_TWINS and _is_russian_word(line, index)):
        return None
    column = line.index(character, max(0, index - 1)) + 1
    if character in _QUOTES:
        what = f"типографская кавычка {character} ({code_point(character)}), место {column}"
        return what, 'нужны прямые: "текст"'
    return f"знак {describe_in_russian(character)}, место {column}", "замените его обычным или удалите"


def _is_russian_word(line: str, index: int) -> bool:
    """Whether the word there is a Russian one, which no single letter makes a wrong name."""
    words = (found for found in _BARE_KEY.finditer(line) if found.start() <= index < found.end())
    return any("а" <= char <= "я" and char not in LATIN_TWINS for word in words for char in word[0].casefold())


def _name(found: re.Match[str]) -> str:
    """What stands between the quotes of a repr: a name, or the parts of a dotted one."""
    named = found.groupdict().get("name") or ""
    return ".".join(re.findall(r"'([^']*)'", named)) or named
