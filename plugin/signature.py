"""Who changes something that others rely on, and why: asked for by every command that does, and kept on record."""

from __future__ import annotations

from plugin.errors import InputError


def signed(by: str, reason: str) -> tuple[str, str]:
    """Who and why, on one line each. Raises InputError for what is blank."""
    found = []
    for option, text, wanted in (("--by", by, "кто это делает"), ("--reason", reason, "зачем: одной фразой")):
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        if not line:
            raise InputError(f"{option}: пусто", hint=f"Напишите, {wanted}")
        found.append(line)
    return found[0], found[1]
