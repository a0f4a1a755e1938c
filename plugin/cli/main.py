"""The ``optout`` command: its subcommands, and how it ends.

A user's mistake ends in one message on stderr and exit status 2, any other known fault in status 1, Ctrl-C in 130.
Every command gets the value of ``--config`` (``Path | None``) by ``click.pass_obj``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from plugin import VERSION
from plugin.cli.help_language import in_the_machines_language
from plugin.cli.lazy import Commands, LazyGroup
from plugin.errors import InputError, OptoutError

#: Each command: where it lives, and what ``--help`` says of it.
COMMANDS: Commands = {
    "alerts": ("plugin.cli.alerts:alerts", "What the admins have to look at: alerts that stand, and past ones."),
    "backup": ("plugin.cli.backup:backup", "Copy the ledger while it is in use."),
    "calls": ("plugin.cli.calls:calls", "Show the calls, what was decided and what became of it."),
    "connectors": ("plugin.cli.connectors:connectors", "Which CRMs can be connected: list, describe, new, try."),
    "decide": ("plugin.cli.decide:decide", "Print what the rules decide on some facts."),
    "db": ("plugin.cli.db:db", "The version of the ledger's tables, and upgrading them."),
    "deliver": ("plugin.cli.deliver:deliver", "Write into the CRM what is due, and take nothing in."),
    "deliveries": ("plugin.cli.deliveries:deliveries", "What goes to the CRM and by mail: list, show, retry, cancel."),
    "doctor": ("plugin.cli.doctor:doctor", "Prove the configuration before it is used, each point with its remedy."),
    "events": ("plugin.cli.events:events", "The CRM's own events: list what waits, retry, drop, catch up."),
    "guide": ("plugin.cli.guide:guide", "Print a guide: admin, operator, operations, crm, page."),
    "init": ("plugin.cli.init:init", "Lay out a folder with plugin.toml and the rules, to edit."),
    "ledger": ("plugin.cli.ledger:ledger", "Whether the ledger's records are as they were written: verify."),
    "link": ("plugin.cli.link:link", "Print a signed link to the operators' page for one call."),
    "person": ("plugin.cli.person:person", "Everything that is known of a number, for the client who asks for it."),
    "promises": (
        "plugin.cli.promises:promises",
        "What was promised to clients, and whether it is kept: list, show, report.",
    ),
    "proof": ("plugin.cli.proof:proof", "One file that proves what was said, promised and done."),
    "purge": ("plugin.cli.purge:purge", "Remove the personal data of old calls that are over."),
    "restore": ("plugin.cli.restore:restore", "Put a copy of the ledger back, so that nothing is written twice."),
    "rules": ("plugin.cli.rules:rules", "Check, try, compare and publish the rules."),
    "script": ("plugin.cli.script:script", "How the scripts are used on the operators' page."),
    "serve": ("plugin.cli.serve:serve", "Take call results in and write what follows into the CRM."),
    "sessions": ("plugin.cli.sessions:sessions", "Who is on the operators' page now: list, end."),
    "suppression": (
        "plugin.cli.suppression:suppression",
        "Whom not to call: list, check, add, remove, import, export, push; and who was called all the same: calls.",
    ),
    "support-bundle": (
        "plugin.cli.support_bundle:support_bundle",
        "Put together what a helper needs to see, without personal data and secrets.",
    ),
    "token": ("plugin.cli.token:token", "By which tokens other programs ask the plugin: add, list, revoke."),
    "user": ("plugin.cli.user:user", "Who may sign in to the operators' page: add, list, disable, passwd."),
    "web": ("plugin.cli.web:web", "Take call results in, and leave the CRM to `deliver`."),
}

BAD_INPUT = 2
INTERRUPTED = 130


def _show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"optout {VERSION}")
        ctx.exit()


@click.group(cls=LazyGroup, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="plugin.toml or its folder. Otherwise OPTOUT_HOME, the current folder, the shipped defaults.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Decide what a client's opt-out request comes to, and write it into the CRM."""
    from plugin.common.log import warnings_only

    ctx.obj = config
    # A command prints for its caller, so only warnings are logged; services log as plugin.toml says.
    ctx.with_resource(warnings_only())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _speak_utf8()
    try:
        status = in_the_machines_language(cli).main(args=arguments, prog_name="optout", standalone_mode=False)
        sys.stdout.flush()
    except OptoutError as error:
        click.echo(_told(error), err=True)
        return BAD_INPUT if isinstance(error, InputError) else 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return 1
    return status if isinstance(status, int) else 0


def _told(error: OptoutError) -> str:
    # Several faults are one a line, each beginning with its file, as editors and terminals know to link.
    text = str(error)
    return text if "\n" in text else f"optout: {text}"


def _speak_utf8() -> None:
    """Read and write UTF-8 whatever the locale: the script's texts are Russian."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                encoding="utf-8", errors="surrogateescape" if stream is sys.stdin else "backslashreplace"
            )


def _forget_output() -> None:
    """The reader has gone (``optout … | head``): what is left in the buffer must not be complained about at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
