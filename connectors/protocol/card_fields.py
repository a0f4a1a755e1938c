"""Fields of cards that the account's settings declare: what the CRM says of each, for the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardFieldState:
    """A declared field: ``name`` as rules know it (``card.NAME``), ``field`` as the CRM does.

    ``exists`` None: the CRM cannot tell. ``values``: all that cards can hold, as ``Card.fields`` gives them; None: any
    text. ``unmapped``: entries of the CRM's list that mean nothing to the plugin, as an admin sees them.
    """

    name: str
    field: str
    exists: bool | None
    values: frozenset[str | bool] | None = None
    unmapped: tuple[str, ...] = ()
