"""``optout rules test``: runs the admin's cases and shows what of the rules no case touches, in Russian."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import json_option, print_json

FAILED = 1


@click.command()
@click.argument("rules", metavar="[PATH|REVISION]", required=False)
@json_option
@click.pass_obj
def test(config: Path | None, rules: str | None, as_json: bool) -> int:
    """Run the cases of every cases.toml and print what differs, then what no case touches.

    Of the working copy, or of: active, a stored revision, a rules folder. Exit status 1 if a case fails.
    """
    from plugin.authoring.verification.cases import coverage, run_cases
    from plugin.cli.format import rules_test as text
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import rulebook_named

    with closing(rulebook_named(settings_of(config), rules)) as rulebook:
        results = run_cases(rulebook)
        covered = coverage(rulebook, results)
    if as_json:
        print_json(text.to_json(rulebook.revision, results, covered))
    else:
        click.echo("\n".join(text.lines(results, covered)))
    return 0 if all(result.ok for result in results) else FAILED
