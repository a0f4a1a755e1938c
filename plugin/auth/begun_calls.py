"""Whether a call that a frame of the CRM names may be gone on with, if somebody has begun it on the page already."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from connectors.base import FrameCall
from plugin.config.settings import Settings, Source
from plugin.ledger import Ledger
from plugin.ledger.trails import trails

_NEWEST = (
    select(trails.c.operator, trails.c.about)
    .where(trails.c.namespace == bindparam("namespace"), trails.c.call_id == bindparam("call"))
    .order_by(trails.c.generation.desc())
    .limit(1)
)


class BegunCalls:
    """The calls begun on the page of one deployment. Raises LedgerUnavailable.

    The CRM proves who opens a frame; which call it is for is said by the browser.
    """

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        name = settings.page.source
        self._namespace = next((one for one in settings.sources if one.name == name), Source(name, (), name)).namespace

    def may_go_on(self, opened: FrameCall) -> bool:
        """Whether nobody has begun the call, this operator has, or the CRM shows this operator its card."""
        with self._ledger.read() as connection:
            wanted = {"namespace": self._namespace, "call": opened.call_id}
            row = connection.execute(_NEWEST, wanted).one_or_none()
        if row is None or row.operator == opened.operator:
            return True
        card = (row.about or {}).get("card") or {}
        own = opened.card
        return opened.card_seen and own is not None and (card.get("type"), card.get("id")) == (own.type, own.id)
