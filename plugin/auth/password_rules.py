"""Which passwords are taken, by NIST SP 800-63B: long enough, and none that everybody tries first. Nothing else."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files

from plugin.errors import InputError

SHORTEST = 12
#: Hashing a longer one would only cost memory.
LONGEST = 200
_LIST = "common_passwords.txt"


def check_rules(password: str, login: str = "") -> None:
    """Raises InputError, in Russian, for a password that is too short, too long, or well known."""
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < SHORTEST:
        raise InputError(f"Пароль короче {SHORTEST} знаков", hint="Возьмите несколько слов подряд")
    if len(normal) > LONGEST:
        raise InputError(f"Пароль длиннее {LONGEST} знаков")
    if normal.casefold() in _common() or normal.casefold() == login.casefold():
        raise InputError("Этот пароль знают все: его пробуют первым", hint="Возьмите несколько слов подряд")


@cache
def _common() -> frozenset[str]:
    """The well-known ones, in lower case."""
    text = files("plugin.auth").joinpath(_LIST).read_text(encoding="utf-8")
    return frozenset(text.splitlines())
