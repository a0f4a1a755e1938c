"""Which script of the rules a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.deciding.decision.compiled_rules import Rulebook


def all_or(rulebook: Rulebook, given: str | None) -> list[str]:
    """The script that is named, or all of them in the order of their names. Raises InputError (Russian)."""
    if given is None:
        return sorted(rulebook.scripts)
    if given not in rulebook.scripts:
        raise InputError(f"Скрипта «{given[:64]}» в этих правилах нет", hint=_known(rulebook))
    return [given]


def one_of(rulebook: Rulebook, given: str | None, default: str) -> str:
    """The script that is named, else the default one, else the only one there is. Raises InputError (Russian)."""
    if given is None and default not in rulebook.scripts:
        if len(rulebook.scripts) == 1:
            return next(iter(rulebook.scripts))
        raise InputError(
            f"Скрипта «{default}» в этих правилах нет", hint=f"Назовите другой: --script. {_known(rulebook)}"
        )
    return all_or(rulebook, given or default)[0]


def _known(rulebook: Rulebook) -> str:
    return f"Есть: {', '.join(sorted(rulebook.scripts))}"
