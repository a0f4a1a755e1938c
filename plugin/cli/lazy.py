"""A click group whose commands are imported only when they are called, so that listing them is quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

#: Each command: ``module:attribute``, and what ``--help`` says of it.
Commands = Mapping[str, tuple[str, str]]


class LazyGroup(click.Group):
    """A group of ``Commands``."""

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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._places[name][1]) for name in self.list_commands(ctx)])
