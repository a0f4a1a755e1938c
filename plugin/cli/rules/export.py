"""``optout rules export``: the files of a stored revision, as they were published."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("revision", metavar="REVISION")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def export(config: Path | None, revision: str, folder: Path) -> None:
    """Write the rules files of REVISION (its beginning will do, or: active) into DIR, a new or empty folder."""
    from plugin.authoring.revisions.export import export as export_
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import opened_ledger, revision_named
    from plugin.common.terminal import paragraph

    with opened_ledger(settings_of(config)) as ledger, ledger.read() as connection:
        found = revision_named(connection, revision)
        original = export_(connection, found, folder)
    lines = paragraph(f"Редакция {found} записана в {folder}.")
    if not original:
        lines += paragraph(
            "Тексты её файлов в журнале не сохранены: файлы составлены заново, без комментариев; решают они так же."
        )
    click.echo("\n".join(lines))
