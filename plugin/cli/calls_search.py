"""What ``optout calls list`` narrows its list by: the options, and the search that they come to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.options import together
from plugin.common.moments import end_of, moment_of
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.ledger.call_search import CallSearch

searches = together(
    click.option("--phone", metavar="NUMBER", help="With this number, in any notation; part of one is enough."),
    click.option("--name", metavar="TEXT", help="With these words, or parts of words, in the client's name."),
    click.option("--card", metavar="ID", help="Of the card with this id in the CRM."),
    click.option("--operator", metavar="NAME", help="Of this operator, as the CRM names them."),
    click.option("--script", metavar="NAME", help="Decided by this script, by its folder's name."),
    click.option("--outcome", metavar="NAME", help="Only calls with this outcome, by its name in the rules."),
    click.option("--source", metavar="NAME", help="Reported by this source, or by one that shares its calls."),
    click.option("--since", metavar="WHEN", help="Ended at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d ago."),
    click.option("--until", metavar="WHEN", help="Ended before this time; a day alone is meant with all of it."),
)


def search_of(
    settings: Settings,
    now: datetime,
    *,
    phone: str | None,
    name: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    after: int | None,
    **fields: Any,
) -> CallSearch:
    """What these options search for. Raises InputError."""
    from connectors.kit.phones import parts_of_number
    from plugin.ledger.call_search import CallSearch

    if phone is not None and not parts_of_number(phone):
        raise InputError("--phone: в этом нет ни одной цифры номера", hint="Например: +79161234567, 916 123, 45-67")
    if name is not None and not name.strip():
        raise InputError("--name: имя пустое", hint="Например: --name иванов")
    return CallSearch(
        phone=phone,
        name=name,
        source=settings.source_of(source).namespace if source else None,
        since=moment_of(since, settings.timezone, now),
        until=end_of("--until", until, settings.timezone, now),
        after=after,
        **fields,
    )
