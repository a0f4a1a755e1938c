"""``optout script``: how the scripts are used on the operators' page, for admins, in Russian, 80 columns wide."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import print_json_lines

if TYPE_CHECKING:
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.operator_page.usage_report import ScriptUse


@click.group(short_help="How the scripts are used on the operators' page.")
def script() -> None:
    """How the scripts are used on the operators' page."""


@script.command()
@click.option("--script", "name", metavar="NAME", help="Only this script, by its folder's name.")
@click.option("--since", metavar="WHEN", help="Begun at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d ago.")
@click.option("--case", "case", metavar="ID", help="Print a draft case of what this call had no answer for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a script.")
@click.pass_obj
def report(config: Path | None, *, name: str | None, since: str | None, case: str | None, as_json: bool) -> None:
    """Count branches, ends, times and steps back; list what was said where no answer fits, and in which call.

    ID is the call's number in the list, or the CRM's own id of it; the draft is for cases.toml.
    """
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.authoring.revisions.labels import script_at
    from plugin.cli.format.script import NOTHING, page
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.common.moments import moment_of
    from plugin.operator_page.usage_report import in_order, use_of_scripts

    settings = settings_of(config)
    start = moment_of(since, settings.timezone, utc_now())
    with ledger_of(settings) as ledger, closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
        found = use_of_scripts(connection, partial(script_at, rules), script=name, since=start)
        drafts = [] if case is None else _drafts(found, case, rules)
    if case is not None:
        click.echo("\n\n".join(drafts))
    elif as_json:
        print_json_lines(use.to_json() for use in in_order(found))
    else:
        pages = [page(use, settings.timezone) for use in in_order(found)]
        click.echo("\n\n".join(pages) if pages else NOTHING)


def _drafts(found: Sequence[ScriptUse], id_: str, rules: ActiveRules) -> list[str]:
    """By the rules that are active: the cases file that it is meant for belongs to them. Raises InputError."""
    from plugin.authoring.revisions.labels import script_at
    from plugin.errors import InputError
    from plugin.operator_page.missing_answers import draft_case

    revision, drafts = rules.current().revision, []
    for use in found:
        remarks = [one for question in use.questions.values() for one in question.remarks if one.call.is_named(id_)]
        script = script_at(rules, revision, use.name)
        drafts += [draft_case(one, script) for one in remarks if script is not None]
    if not drafts:
        raise InputError(
            "--case: в этом звонке ни на один вопрос не сказано «нет нужного ответа»",
            hint="Номера звонков печатает optout script report",
        )
    return drafts
