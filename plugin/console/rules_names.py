"""Names for the files, of Latin letters, made of what people call a thing in Russian."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_LETTERS = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        (*"abvgde", "e", "zh", *"ziyklmnoprstuf", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"),
        strict=True,
    )
)
#: Of a name that is made of a text.
_LONGEST_NAME = 32


def name_of(text: str, taken: Collection[str], fallback: str) -> str:
    """A name for the files, of Latin letters, made of a text in Russian; none that is taken."""
    spelt = "".join(_LETTERS.get(sign, sign) for sign in text.casefold())
    name = re.sub(r"[^a-z0-9]+", "_", spelt).strip("_")[:_LONGEST_NAME].strip("_")
    if not name or not name[0].isalpha():
        name = f"{fallback}_{name}".rstrip("_")
    return next(one for one in numbered_names(name) if one not in taken)


def numbered_names(name: str) -> Iterator[str]:
    """The name, and then the same with numbers, for as long as one is taken."""
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
