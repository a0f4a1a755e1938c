"""``optout doctor``: proves the configuration point by point before it is used, each failed one with its remedy."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_option, print_json
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.doctor.examine import Examination

FAILED = 1
#: Nothing has failed, and some points could not be tried now. (2 is a mistake on the command line.)
NOT_TRIED = 3


@click.command()
@click.option("--write", is_flag=True, help="Also write to --card, and send each admin a mail.")
@click.option("--card", metavar="TYPE:ID", help="The test card to write to, such as contact:42.")
@click.option("--role", metavar="NAME", help="Whose reminder is written; by default that of unfinished calls.")
@json_option
@click.pass_obj
def doctor(config: Path | None, /, *, write: bool, card: str | None, role: str | None, as_json: bool) -> int:
    """Prove the configuration: settings, rules, ledger, CRM, recipients, mail server.

    Writes and mails nothing, unless --write is given: then a comment and a reminder to a test card, which are removed
    again where the CRM allows that, and one mail to each admin and one request to the webhook of [alerts]. The exit
    status is 1 if any point has failed, 3 if none has and some could not be tried now.
    """
    from plugin.cli.format.doctor import page
    from plugin.common.clock import utc_now
    from plugin.doctor.alert_trial import try_alerts
    from plugin.doctor.examine import Examination

    if write != (card is not None):
        raise InputError("--write and --card belong together", hint="Such as: optout doctor --write --card contact:42")
    with ExitStack() as stack:
        examination = Examination(utc_now, stack, writes=write)
        examination.run(config, os.environ)
        if card is not None:
            if examination.settings is not None and examination.has_secrets:
                try_alerts(examination.settings, examination.report, utc_now)
            _try_out(examination, card, role)
        found = examination.report
    if as_json:
        print_json(found.to_json())
    else:
        settings = examination.settings
        click.echo(page(found, settings.language if settings else "ru"))
    return {True: 0, False: FAILED, None: NOT_TRIED}[found.ok]


def _try_out(examination: Examination, card: str, role: str | None) -> None:
    from connectors.base import Assignee, CardRef
    from plugin.common.clock import utc_now
    from plugin.deciding.ruleset.people import addressee
    from plugin.doctor.write_trial import AREA, WriteTrial

    kind, _, id_ = card.partition(":")
    if not kind or not id_:
        raise InputError(f"--card: {card[:40]!r} is no card", hint="TYPE:ID, such as contact:42")
    settings, rulebook, connector = examination.settings, examination.rulebook, examination.connector
    if settings is None or rulebook is None or connector is None:
        examination.report.fails(AREA, "a trial can be made", "Mend the points above first")
        return
    script = rulebook.scripts.get(settings.default_script)
    name = role or (script.unfinished_roles[0] if script else "")
    if name not in rulebook.roles:
        raise InputError(f"--role: unknown role {name!r}", hint=f"Roles: {', '.join(rulebook.roles)}")
    chosen = addressee(rulebook.roles, name) or rulebook.roles[name]
    assignee = Assignee(chosen.crm_user, chosen.address)
    WriteTrial(connector, CardRef(kind, id_), assignee, examination.report, utc_now).run()
