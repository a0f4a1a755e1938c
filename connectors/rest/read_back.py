"""Reads a record back after it was written or found again: whether it is there as it was meant."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from connectors.base import Kind
from connectors.rest.bodies import templates_in
from connectors.rest.client import RestClient
from connectors.rest.conditions import RecordCondition
from connectors.rest.context import Context
from connectors.rest.model import Verify
from connectors.rest.paths import as_text
from connectors.rest.template import TextTemplate

_MOST = 500


class ReadBack:
    """Checks records by ``expect``. Raises as reads do, and NotRendered."""

    def __init__(self, account: RestClient) -> None:
        self._account = account

    def failed(self, verify: Verify, record: Any, context: Context) -> RecordCondition | None:
        """The first condition that does not hold; ``record`` is what is looked at where no request is described.

        A record found again may have been written by a process that is gone: of what ``context`` does not hold, such
        as the person, no more is asked than that something is there.
        """
        held = record
        if verify.request is not None:
            if not all(_is_known(one, context) for one in verify.request.templates()):
                return None
            held = self._account.read(verify.request, context)
        held = verify.record.get(held)
        return next((one for one in verify.expect if not _holds(one, held, {**context, "record": held})), None)


def _holds(condition: RecordCondition, held: Any, context: Context) -> bool:
    if all(_is_known(one, context) for one in templates_in(condition.wanted)):
        return condition.holds(held, context)
    value = condition.path.get(held)
    return as_text(value) != "" and value != []


def _is_known(template: TextTemplate, context: Context) -> bool:
    return all(use.name in context for use in template.uses)


class SentValues:
    """What was sent with a key while it is not known whether the CRM has it. Thread-safe; of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[Kind, str], Context] = OrderedDict()

    def keep(self, kind: Kind, context: Context) -> None:
        """It may have been executed."""
        with self._lock:
            self._sent[kind, str(context["key"])] = context
            if len(self._sent) > _MOST:
                self._sent.popitem(last=False)

    def of(self, kind: Kind, context: Context) -> Mapping[str, Any]:
        """What was sent with this context's key, nothing where that is not known."""
        with self._lock:
            return self._sent.get((kind, str(context["key"])), {})

    def forget(self, kind: Kind, context: Context) -> None:
        """It is known now."""
        with self._lock:
            self._sent.pop((kind, str(context["key"])), None)
