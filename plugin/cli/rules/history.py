"""``optout rules history``: who made which rules active, when and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from plugin.authoring.revisions.archive import Activation

#: Number, time, revision, by whom; why takes what is left of 80 columns.
_WIDTHS = (16, 16, 14)


@click.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def history(config: Path | None, limit: int, as_json: bool) -> None:
    """Print the changes of the active rules, the newest (the active one) first."""
    from plugin.authoring.revisions.archive import activation_history
    from plugin.cli.rules.sources import opened_ledger, settings_of

    settings = settings_of(config)
    with opened_ledger(settings) as ledger, ledger.read() as connection:
        # One more than is shown tells whether there are more.
        found = activation_history(connection, limit + 1)
    shown = found[:limit]
    if as_json:
        for number, activation in enumerate(shown):
            click.echo(json.dumps(_to_json(activation, number == 0, settings.timezone), ensure_ascii=False))
    elif shown:
        click.echo("\n".join(_table(shown, settings.timezone, more=len(found) > limit)))
    else:
        click.echo("Активных правил ещё не было.")


def _table(shown: Sequence[Activation], zone: ZoneInfo, *, more: bool) -> Iterator[str]:
    from plugin.cli.format.rules import WIDTH, table

    number = max(2, len(str(shown[0].id)) + 1)
    widths = [number, *_WIDTHS]
    widths.append(WIDTH - sum(widths) - len(widths))
    rows = [
        [
            f"{one.id}{'*' if one is shown[0] else ''}",
            f"{one.at.astimezone(zone):%d.%m.%Y %H:%M}",
            one.revision,
            one.by,
            one.reason,
        ]
        for one in shown
    ]
    yield from table(["№", "Когда", "Редакция", "Кто", "Зачем"], rows, widths)
    yield ""
    yield f"* — активная редакция. Время: {zone.key}."
    if more:
        yield "Показаны не все: больше строк даёт --limit."


def _to_json(activation: Activation, active: bool, zone: ZoneInfo) -> dict[str, object]:
    return {
        "id": activation.id,
        "revision": activation.revision,
        "at": activation.at.astimezone(zone).isoformat(timespec="seconds"),
        "by": activation.by,
        "reason": activation.reason,
        "active": active,
    }
