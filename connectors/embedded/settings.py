"""``[crm.embedded]`` in plugin.toml."""

from __future__ import annotations

from marshmallow import fields
from marshmallow.validate import Length

from connectors.http.settings import HttpAccount, count, per_second, seconds
from connectors.kit.mapping import FactsTable

#: The one type of card that this CRM has.
CONTACT = "contact"


class EmbeddedSettings(HttpAccount):
    """``[crm.embedded]``. It answers fast and commits at once, hence a short settling time and a high rate."""

    token = fields.String(required=True, validate=Length(min=1), metadata={"secret": True})
    webhook_secret = fields.String(
        load_default=None, allow_none=True, validate=Length(min=1), metadata={"secret": True}
    )
    #: Fields of cards that rules read.
    card_fields = FactsTable()
    settling_seconds = seconds(5.0, 3600.0, zero=True)
    requests_per_second = per_second(200.0)
    burst = count(50, 1000)
