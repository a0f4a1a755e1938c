"""What comes in from a CRM: call results, references to them, what changed since, and the call of a page in a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.protocol.records import CardRef

#: A call result in the shape of the plugin's own event (``POST /events/call-result``), checked there.
CallResult = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """An authentic event whose call result is yet to be made out by ``resolve``.

    It names a record to be read over the CRM's API, or brings it along in ``data`` (JSON). Kept in the ledger until
    that has worked, so ``data`` holds no more than is needed.
    """

    kind: str
    id: str
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CatchUpPage:
    """Some of what changed in the CRM since a moment: call results, or references as events bring them.

    ``next_cursor`` leads to more, None: that was all. It is the connector's own: text of at most 1,000 characters
    without personal data, good after a restart too.
    """

    items: Sequence[CallResult | Reference]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class FrameCall:
    """What the CRM says of the call when it opens the operator's page in a frame of its own.

    ``card_seen``: the CRM has shown the card to this operator, by the operator's own rights.
    """

    operator: str
    call_id: str | None = None
    phone: str | None = None
    card: CardRef | None = None
    name: str | None = None
    card_seen: bool = False
