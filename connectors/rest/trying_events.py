"""Tries an event that was kept in a file: whether it is proven, which conditions hold, and which calls it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.base import (
    CallResult,
    CrmRefused,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    NotMapped,
    Reference,
    TryStep,
)
from connectors.rest import calls
from connectors.rest.context import Context
from connectors.rest.model import EventTable
from connectors.rest.template import NotRendered
from connectors.rest.trying import condition_lines


def tried_event(
    event: EventTable,
    body: bytes,
    context: Context,
    prove: Callable[[], object] | None,
    read: Callable[[Any], Sequence[Reference]],
    resolve: Callable[[Reference], CallResult | Sequence[Reference] | None] | None,
) -> Iterator[TryStep]:
    """``prove`` raises EventNotAuthentic, None: no headers were given; ``resolve`` None: no call is read."""
    yield TryStep("proof", (_proven(prove),))
    try:
        content = calls.body_of(event, body)
    except EventMalformed as error:
        yield TryStep("content", (f"{error}: it would be kept until the description can read it",))
        return
    if event.when:
        yield TryStep("counts where", tuple(condition_lines(event.when, content, context)))
    if event.own:
        yield TryStep("is the plugin's own doing where", tuple(condition_lines(event.own, content, context)))
    try:
        found = read(content)
    except (EventMalformed, NotRendered) as error:
        yield TryStep("calls", (f"{error}: it would be kept until the description can read it",))
        return
    yield TryStep("calls", tuple(f"id: {one.id}" for one in found) or ("none: the event is left alone",))
    for one in found if resolve is not None else ():
        assert resolve is not None
        yield TryStep(f"call {one.id}", (_resolved(resolve, one),))


def _proven(prove: Callable[[], object] | None) -> str:
    if prove is None:
        return "not tried: give the event's headers, each by --header"
    try:
        prove()
    except EventNotAuthentic as error:
        return f"does not hold: {error}"
    except (EventMalformed, NotRendered):
        pass
    return "holds"


def _resolved(resolve: Callable[[Reference], Any], reference: Reference) -> str:
    try:
        result: Mapping[str, Any] | None = resolve(reference)
    except (CrmUnavailable, CrmRefused, NotMapped) as error:
        return f"{type(error).__name__}: {error}"
    if result is None:
        return "no call of ours"
    return json.dumps(result, ensure_ascii=False, indent=2)
