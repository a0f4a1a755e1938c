"""Help in the machine's language: Russian where LC_ALL, LC_MESSAGES or LANG say so, else English as the code has it.

click's own words come from a message file of gettext, which chooses by the same variables; the commands' own stand in
``locale/help_ru.toml``. Nothing of it is read where the language is another one.
"""

from __future__ import annotations

import gettext
import inspect
from collections.abc import Mapping
from pathlib import Path

import click

from plugin.cli.lazy import translated

LOCALE = Path(__file__).with_name("locale")
HELP_RU = LOCALE / "help_ru.toml"
_DOMAIN = "click"


def in_the_machines_language(command: click.Command) -> click.Command:
    """The command, all below it and click itself, told in the language that the environment asks for."""
    gettext.bindtextdomain(_DOMAIN, str(LOCALE))
    gettext.textdomain(_DOMAIN)
    if gettext.find(_DOMAIN, str(LOCALE)) is None:
        return command
    russian = help_messages()
    return translated(command, lambda text: russian.get(paragraphs(text), text))


def help_messages() -> Mapping[str, str]:
    """What the commands say of themselves, in English → in Russian."""
    import tomllib

    messages: Mapping[str, str] = tomllib.loads(HELP_RU.read_text(encoding="utf-8"))["text"]
    return messages


def paragraphs(text: str) -> str:
    """A docstring as the messages have it: each paragraph in one line."""
    return "\n\n".join(" ".join(one.split()) for one in inspect.cleandoc(text).split("\n\n"))
