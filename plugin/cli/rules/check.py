"""``optout rules check``: everything that is wrong with the rules, at once, in Russian. Changes nothing."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.cli.options import print_json
from plugin.errors import InputError

BAD_INPUT = 2


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--script", metavar="NAME", help="Only this script and the roles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for tools.")
@click.pass_obj
def check(config: Path | None, path: Path | None, script: str | None, as_json: bool) -> int:
    """Find everything that is wrong with the rules folder PATH; the working copy by default.

    Every conversation is proven to end in exactly one outcome. The status is 0 without faults, whatever the warnings,
    else 2.
    """
    from plugin.authoring.verification.isolated import check_isolated
    from plugin.cli.format.rules_check import lines
    from plugin.cli.ledgers import settings_of

    folder = path or settings_of(config).rules_dir
    if script is not None and not (folder / script / "script.toml").is_file():
        known = ", ".join(sorted(file.parent.name for file in folder.glob("*/script.toml")))
        raise InputError(f"Скрипта «{script}» в папке правил нет", hint=f"Есть: {known or 'ни одного'}")
    report, revision = check_isolated(folder)
    if script is not None:
        report = report.of_script(script)
    if as_json:
        print_json({"folder": str(folder), "revision": revision} | report.to_json())
    else:
        click.echo("\n".join(lines(folder, report)))
    return 0 if report.ok else BAD_INPUT
