"""``optout init``: editable copies of the shipped rules and plugin.toml."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from plugin.authoring.revisions.shipped import note_base, shipped_rules
from plugin.config.load import FILE_NAME, shipped_dir
from plugin.errors import ConfigError

RULES = "rules"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Lay out DIR with editable copies of plugin.toml and the rules.

    Nothing that is there already is overwritten.
    """
    written = lay_out(folder)
    click.echo("\n".join(f"wrote {path}" for path in written))
    click.echo(
        f"\nNext: set your CRM and event sources in {folder / FILE_NAME}, who fills the roles in "
        f"{folder / RULES / 'roles.toml'}; then\n  cd {shlex.quote(str(folder))} && optout serve"
    )


def lay_out(folder: Path) -> list[Path]:
    """Copy plugin.toml and the rules into ``folder`` and return the files written.

    What was shipped is noted beside the rules, so that after an upgrade its changes can be told from the admin's.
    Raises ConfigError, before anything is written, if one of them exists; and where the folder cannot be written.
    """
    for name in (FILE_NAME, RULES):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise ConfigError(f"{folder / name} exists already", hint="Choose another folder; nothing was written")
    shipped = shipped_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shipped / FILE_NAME, folder / FILE_NAME)
        shutil.copytree(shipped / RULES, folder / RULES, copy_function=shutil.copyfile)
        note_base(folder / RULES, shipped_rules())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror})", hint="Choose another folder") from error
    return [folder / FILE_NAME, *sorted(path for path in (folder / RULES).rglob("*") if path.is_file())]
