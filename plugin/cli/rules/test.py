"""``optout rules test``: runs the admin's cases and shows what of the rules no case touches, in Russian."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import json_option, print_json
from plugin.errors import InputError

FAILED = 1


@click.command()
@click.argument("rules", metavar="[PATH|REVISION]", required=False)
@click.option("--accept", "accepts", is_flag=True, help="Rewrite the texts and terms that failed cases quote.")
@json_option
@click.pass_obj
def test(config: Path | None, rules: str | None, accepts: bool, as_json: bool) -> int:
    """Run the cases of every cases.toml and print what differs, then what no case touches.

    Of the working copy, or of: active, a stored revision, a rules folder. Exit status 1 if a case fails. With --accept
    (the working copy alone) cases that quote a changed phrase are shown and rewritten, and all are run again.
    """
    from plugin.authoring.verification.cases import coverage, run_cases
    from plugin.cli.format import rules_test as text
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import rulebook_named

    settings = settings_of(config)
    if accepts:
        if rules is not None or as_json:
            raise InputError("--accept: only for the working copy", hint="optout rules test --accept")
        _accept(settings.rules_dir)
    with closing(rulebook_named(settings, rules)) as rulebook:
        results = run_cases(rulebook)
        covered = coverage(rulebook, results)
    if as_json:
        print_json(text.to_json(rulebook.revision, results, covered))
    else:
        click.echo("\n".join(text.lines(results, covered)))
    return 0 if all(result.ok for result in results) else FAILED


def _accept(folder: Path) -> None:
    """Show the texts that failed cases quote, and rewrite them in the files."""
    from plugin.authoring.verification.accept_cases import rewordings, rewritten
    from plugin.authoring.verification.cases import run_cases
    from plugin.cli.format import rules_test as text
    from plugin.cli.rules.sources import rulebook_named_folder

    with closing(rulebook_named_folder(folder)) as rulebook:
        changes = rewordings(rulebook, run_cases(rulebook))
    for file in sorted({change.result.case.file for change in changes}):
        path = folder / file
        ours = [change for change in changes if change.result.case.file == file]
        new, left = rewritten(path.read_text(encoding="utf-8"), ours)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(new, encoding="utf-8", newline="")
        beside.replace(path)
        click.echo("\n".join(text.accepted([change for change in ours if change not in left])))
