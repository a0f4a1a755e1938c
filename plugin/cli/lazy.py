"""A click group whose commands are imported only when they are called, so that listing them is quick."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping
from gettext import gettext
from typing import Any, TypeVar

import click

#: Each command: ``module:attribute``, and what ``--help`` says of it.
Commands = Mapping[str, tuple[str, str]]
#: A text of the help in another language.
Told = Callable[[str], str]
C = TypeVar("C", bound=click.Command)


class LazyGroup(click.Group):
    """A group of ``Commands``; ``told`` translates what they say of themselves."""

    told: Told | None = None

    def __init__(self, *args: Any, commands: Commands, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return translated(command, self.told) if self.told else command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = self.told or str
        with formatter.section(gettext("Commands")):
            formatter.write_dl([(name, told(self._places[name][1])) for name in self.list_commands(ctx)])


def translated(command: C, told: Told) -> C:
    """A copy of the command and of all below it that says of itself what ``told`` makes of it."""
    new = copy.copy(command)
    new.help = command.help and told(command.help)
    new.short_help = command.short_help and told(command.short_help)
    new.params = [_translated_parameter(parameter, told) for parameter in command.params]
    new.options_metavar = new.options_metavar and told(new.options_metavar)
    if isinstance(new, click.Group):
        new.subcommand_metavar = told(new.subcommand_metavar)
    if isinstance(new, LazyGroup):
        new.told = told
    elif isinstance(new, click.Group):
        new.commands = {name: translated(child, told) for name, child in new.commands.items()}
    return new


def _translated_parameter(parameter: click.Parameter, told: Told) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    new = copy.copy(parameter)
    new.help = told(parameter.help)
    return new
