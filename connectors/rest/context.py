"""The values that a description's templates are filled with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import Assignee, CardRef
from connectors.kit.reference_mark import reference_mark
from connectors.rest.filters import ZONE
from connectors.rest.model import CardTable
from connectors.rest.template import OMIT

Context = Mapping[str, Any]


class TemplateValues:
    """What is the same in every template of an account, and the shapes of what is not."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._cards: Mapping[str, CardTable] = settings.get("card", {})
        self._fixed = {"constants": settings["constants"], "omit": OMIT, ZONE: settings["time_zone"] or "UTC"}
        if settings["auth"]["kind"] == "body":
            self._fixed["token"] = settings.get("token")

    def of(self, **values: Any) -> Context:
        """A context of these values."""
        return {**self._fixed, "now": datetime.now(UTC), **values}

    def card(self, card: CardRef) -> Context:
        """``card.type``, ``card.id``, ``card.collection``."""
        kind = self._cards.get(card.type)
        return {"type": card.type, "id": card.id, "collection": kind.collection if kind else ""}


def person(assignee: Assignee) -> Context:
    """``assignee.user``, ``assignee.address``; what is missing is None."""
    return {"user": assignee.user, "address": assignee.address}


def keyed(key: str) -> dict[str, str]:
    """``key``, and its reference mark with and without brackets."""
    return {"key": key, "mark": reference_mark(key), "ref": reference_mark(key).strip("[]")}
