"""``optout script``: how the scripts are used on the operators' page, for admins, in Russian, 80 columns wide."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import print_json_lines

if TYPE_CHECKING:
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.deciding.ruleset import Script


@click.group(short_help="How the scripts are used on the operators' page.")
def script() -> None:
    """How the scripts are used on the operators' page."""


@script.command()
@click.option("--script", "name", metavar="NAME", help="Only this script, by its folder's name.")
@click.option("--since", metavar="WHEN", help="Begun at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d ago.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a script.")
@click.pass_obj
def report(config: Path | None, *, name: str | None, since: str | None, as_json: bool) -> None:
    """Count branches, ends, times and steps back; list what was said where no answer fits."""
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.cli.format.moments import moment_of
    from plugin.cli.format.script import NOTHING, page
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.operator_page.usage_report import in_order, use_of_scripts

    settings = settings_of(config)
    start = moment_of(since, settings.timezone, utc_now())
    with ledger_of(settings) as ledger, closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
        found = use_of_scripts(
            connection, lambda revision, own: _script_of(rules, revision, own), script=name, since=start
        )
    if as_json:
        print_json_lines(use.to_json() for use in in_order(found))
    else:
        pages = [page(use, settings.timezone) for use in in_order(found)]
        click.echo("\n\n".join(pages) if pages else NOTHING)


def _script_of(rules: ActiveRules, revision: str, name: str) -> Script | None:
    from plugin.errors import OptoutError

    try:
        return rules.at(revision).script(name).script
    except OptoutError:
        return None
