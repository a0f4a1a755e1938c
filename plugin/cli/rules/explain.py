"""``optout rules explain``: why the rules decide so, rule by rule, for admins, in Russian."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import json_option, print_json
from plugin.common.strict_json import NotJsonError, read_object
from plugin.errors import InputError


@click.command()
@click.option("--facts", metavar="JSON", required=True, help="One JSON object of facts.")
@click.option("--script", metavar="NAME", help="Which script; default_script of plugin.toml otherwise.")
@click.option(
    "--rules", metavar="PATH|REVISION", help="Other rules than the working copy: active, a revision, a folder."
)
@json_option
@click.pass_obj
def explain(config: Path | None, facts: str, script: str | None, rules: str | None, as_json: bool) -> None:
    """Print for every rule whether it fires on some facts and, if not, why.

    With the condition that fails, on which value, and the smallest change of facts that would make the rule fire.
    """
    from plugin.authoring.inspection.explain import explain as explained
    from plugin.cli.format.explain import page
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import rulebook_named

    settings = settings_of(config)
    with closing(rulebook_named(settings, rules)) as rulebook:
        decider = rulebook.script(script or settings.default_script)
        try:
            raw = read_object(facts)
        except NotJsonError as error:
            raise InputError(f"--facts: это не объект JSON: {error}", hint='Нужно {"имя": значение, …}') from error
        explanation = explained(decider, decider.type_facts(raw))
    if as_json:
        print_json(explanation.to_json())
    else:
        click.echo(page(explanation, lambda _, value: value))
