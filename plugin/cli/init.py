"""``optout init``: a set-up to edit, complete but for what only its owner knows, which is named."""

from __future__ import annotations

import base64
import os
import secrets
import shlex
import shutil
from pathlib import Path

import click

from plugin.authoring.revisions.copy_base import note_revision, texts_revision
from plugin.authoring.revisions.shipped import note_base, shipped_rules
from plugin.config.load import FILE_NAME, shipped_dir
from plugin.errors import ConfigError

RULES = "rules"
SECRETS = "secrets"
#: Signs the call results of ``[sources.telephony]``.
TELEPHONY = f"{SECRETS}/telephony"
#: How the shipped plugin.toml names that secret, and the one that is laid out.
_SHIPPED_REFERENCE = '{ env = "OPTOUT_WEBHOOK_SECRET" }'
_LAID_OUT_REFERENCE = f'{{ file = "{TELEPHONY}" }}'
#: Where it stands and what it is, in the order in which one gets to know it.
OWNERS = (
    (f"{FILE_NAME}, [crm]", "which CRM (optout connectors list), its address and its token"),
    (f"{FILE_NAME}, [smtp]", "the mail server, unless the CRM mails by itself"),
    (f"{FILE_NAME}, [alerts]", "whom to tell what is stuck"),
    (f"{RULES}/roles.toml", "who the coordinator and the SMS manager are: crm_user and address"),
    (TELEPHONY, "made anew: give it to whoever sends call results"),
)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Lay out DIR with editable copies of plugin.toml and the rules, and a secret for the telephony.

    What only you know is listed; all else is there. Nothing that is there already is overwritten.
    """
    written = lay_out(folder)
    click.echo("\n".join(f"wrote {path}" for path in written))
    width = max(len(place) for place, _ in OWNERS)
    click.echo("\nWhat only you know:")
    click.echo("\n".join(f"  {place:<{width}}  {what}" for place, what in OWNERS))
    command = f"optout --config {shlex.quote(str(folder))}"
    click.echo(f"Then prove it: {command} doctor\nand start it:  {command} serve")


def lay_out(folder: Path) -> list[Path]:
    """Copy plugin.toml and the rules into ``folder``, make the secret and return the files written.

    What was shipped is noted beside the rules, so that after an upgrade its changes can be told from the admin's.
    Raises ConfigError, before anything is written, if one of them exists; and where the folder cannot be written.
    """
    for name in (FILE_NAME, RULES, TELEPHONY):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise ConfigError(f"{folder / name} exists already", hint="Choose another folder; nothing was written")
    shipped = shipped_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings = (shipped / FILE_NAME).read_text(encoding="utf-8")
        (folder / FILE_NAME).write_text(settings.replace(_SHIPPED_REFERENCE, _LAID_OUT_REFERENCE), encoding="utf-8")
        shutil.copytree(shipped / RULES, folder / RULES, copy_function=shutil.copyfile)
        note_base(folder / RULES, shipped_rules())
        note_revision(folder / RULES, str(texts_revision(shipped_rules().files)))
        _write_secret(folder / TELEPHONY)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror})", hint="Choose another folder") from error
    rules = sorted(path for path in (folder / RULES).rglob("*") if path.is_file())
    return [folder / FILE_NAME, *rules, folder / TELEPHONY]


def _write_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
