"""``optout rules``: check, try, compare and publish the rules, for admins, in Russian."""

from __future__ import annotations

import click

from plugin.cli.lazy import Commands, LazyGroup

#: Each command: where it lives, and what ``--help`` says of it.
COMMANDS: Commands = {
    "check": ("plugin.cli.rules.check:check", "Find everything that is wrong with the rules."),
    "approve": ("plugin.cli.rules.approve:approve", "Agree to rules that another person wants to publish."),
    "backtest": ("plugin.cli.rules.backtest:backtest", "Decide past calls again and list those that would differ."),
    "diff": ("plugin.cli.rules.diff:diff", "Compare two states of the rules by what they do."),
    "graph": ("plugin.cli.rules.graph:graph", "Draw the conversation tree as an SVG picture."),
    "table": ("plugin.cli.rules.table:table", "Show every conversation with its outcome and actions."),
    "export": ("plugin.cli.rules.export:export", "Write the files of a stored revision into a new folder."),
    "history": ("plugin.cli.rules.history:history", "Show who changed the active rules, when and why."),
    "merge": ("plugin.cli.rules.merge:merge", "Bring what others published into the working copy."),
    "publish": ("plugin.cli.rules.publish:publish", "Check the working copy and make it what decides."),
    "revert": ("plugin.cli.rules.revert:revert", "Take one publication's changes back; later ones stay."),
    "rollback": ("plugin.cli.rules.rollback:rollback", "Make an earlier revision decide again."),
    "shadow": ("plugin.cli.rules.shadow:shadow", "Have a revision decide live calls beside the active one."),
    "status": ("plugin.cli.rules.status:status", "Show what decides, and how the working copy differs."),
    "explain": ("plugin.cli.rules.explain:explain", "Say of every rule whether it fires on some facts, and why not."),
    "test": ("plugin.cli.rules.test:test", "Run the cases of cases.toml and show what they do not touch."),
}


@click.group(cls=LazyGroup, commands=COMMANDS)
def rules() -> None:
    """The rules: check them, try them, see what a change would do, publish and take back."""
