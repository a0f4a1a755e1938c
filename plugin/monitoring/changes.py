"""What one look comes to: causes that are new, and alerts that are over. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from plugin.ledger.schema import alerts
from plugin.monitoring.definitions import DEFINITIONS
from plugin.monitoring.find import overtaken
from plugin.monitoring.model import AlertCause, AlertLook, standing


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """``over``: alerts whose end is told to those who were told of them; ``overtaken``: another alert tells of it."""

    new: tuple[AlertCause, ...] = ()
    over: tuple[int, ...] = ()
    overtaken: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.over or self.overtaken)


def changes(look: AlertLook) -> AlertChanges:
    """Everything that has changed since alerts were last recorded."""
    new: list[AlertCause] = []
    over: list[int] = []
    for kind, definition in DEFINITIONS.items():
        found = list(definition.find(look))
        if definition.over is not None:
            ended = select(alerts.c.id).where(standing(kind), definition.over)
            over += look.connection.execute(ended, {"now": look.now}).scalars()
        else:
            known = look.connection.execute(select(alerts).where(standing(kind))).all()
            causes = {one.cause for one in found}
            over += [alert.id for alert in known if not definition.lasts(look, alert, causes)]
            found = [one for one in found if one.cause not in {alert.cause for alert in known}]
        new += found
    return AlertChanges(tuple(new), tuple(over), tuple(overtaken(look)))
