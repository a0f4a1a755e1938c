"""What one look comes to: causes that are new, and alerts that are over. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from plugin.ledger.schema import alerts
from plugin.monitoring.chain import told_heads
from plugin.monitoring.definitions import DEFINITIONS
from plugin.monitoring.find import overtaken
from plugin.monitoring.model import AlertCause, AlertLook, standing


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """``over``: alerts whose end is told to those who were told of them; ``overtaken``: another alert tells of it, or
    nothing has to.

    ``otherwise``: standing alerts whose cause shows another reason by now, each with what is known of it.
    """

    new: tuple[AlertCause, ...] = ()
    over: tuple[int, ...] = ()
    overtaken: tuple[int, ...] = ()
    otherwise: tuple[tuple[int, Mapping[str, Any]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.over or self.overtaken or self.otherwise)


def changes(look: AlertLook) -> AlertChanges:
    """Everything that has changed since alerts were last recorded."""
    new: list[AlertCause] = []
    over: list[int] = []
    otherwise: list[tuple[int, Mapping[str, Any]]] = []
    for kind, definition in DEFINITIONS.items():
        found = list(definition.find(look))
        if definition.over is not None:
            ended = select(alerts.c.id).where(standing(kind), definition.over)
            over += look.connection.execute(ended, {"now": look.now}).scalars()
        else:
            known = look.connection.execute(select(alerts).where(standing(kind))).all()
            causes = {one.cause for one in found}
            over += [alert.id for alert in known if not definition.lasts(look, alert, causes)]
            stands = {alert.cause: alert for alert in known}
            for one in found:
                alert = stands.get(one.cause)
                if alert is not None and one.about.get("reason") != alert.about.get("reason"):
                    otherwise.append((alert.id, one.about))
            found = [one for one in found if one.cause not in stands]
        new += found
    return AlertChanges(tuple(new), tuple(over), (*overtaken(look), *told_heads(look)), tuple(otherwise))
