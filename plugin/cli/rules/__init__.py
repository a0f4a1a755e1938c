"""``optout rules``: check, try, compare and publish the rules, for admins, in Russian."""

from __future__ import annotations

import click

from plugin.cli.lazy import Commands, LazyGroup

#: Each command: where it lives, and what ``--help`` says of it.
COMMANDS: Commands = {}


@click.group(cls=LazyGroup, commands=COMMANDS)
def rules() -> None:
    """The rules: check them, try them, see what a change would do, publish and take back."""
