"""``[defaults]``: headers and parameters that every request of a description has, unless it gives its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import fields

from connectors.rest import placeholders
from connectors.rest.bodies import Structure
from connectors.rest.fields import HeadersField, PairsField
from connectors.rest.request import Request
from connectors.rest.tables import table


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a request has that does not give a header or parameter of this name; ``omit`` there leaves it out."""

    query: Mapping[str, Structure] = field(default_factory=dict)
    headers: Mapping[str, Structure] = field(default_factory=dict)

    def under(self, request: Request) -> Request:
        """The request with what it does not give itself."""
        if not self.query and not self.headers:
            return request
        own = {name.lower() for name in request.headers}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        return replace(request, query={**self.query, **request.query}, headers={**headers, **request.headers})


def defaults_table() -> fields.Nested:
    """``[defaults]``."""

    def build(data: dict[str, Any]) -> Defaults:
        return Defaults(**data)

    of = placeholders.NOTHING
    return table(build, query=PairsField(of), headers=HeadersField(of), load_default=Defaults())
