"""``POST /events/…``: the plugin's own call results, and the events of the CRM that the plugin is connected to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from flask import Response, g, request
from flask_smorest import Blueprint

from connectors.base import CrmUnavailable, EventMalformed, EventNotAuthentic
from plugin.common.clock import utc_now
from plugin.events.crm_events import CrmEvents
from plugin.events.refusals import UNKNOWN_SOURCE
from plugin.events.respond import EventResponse
from plugin.events.schema import CallResultSchema
from plugin.web.errors import answer, error_body, error_response, json_response, retry_seconds
from plugin.web.limits import connector_in, is_for_events
from plugin.web.routes import Says, add_route
from plugin.web.schemas import AcceptedSchema
from plugin.web.suppression_schemas import CallStartedSchema

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.config.settings import Settings
    from plugin.events.intake import Intake
    from plugin.ledger import Ledger
    from plugin.promise.call_starts import CallStarts

_LOG = structlog.get_logger(__name__)

#: When a CRM that could not be asked does not say itself when to come back, in seconds.
_RETRY_AFTER = 30

_TAKEN = {
    202: Says("Committed", AcceptedSchema),
    200: Says("Taken before, or nothing to do", AcceptedSchema),
}
_REFUSED = {
    400: Says("Not JSON, or not readable"),
    401: Says("The signature, or the CRM's proof, does not hold"),
    409: Says("Another event has this id"),
    413: Says("The body is too large"),
    422: Says("Fields that cannot be used, named one by one"),
    503: Says("It cannot be committed now; see Retry-After"),
}
_CRM_REFUSED = {404: Says("Not the connected CRM")}
_SIGNATURE = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": f"Standard Webhooks: {what}",
    }
    for name, what in (
        ("webhook-id", "equals the event's id"),
        ("webhook-timestamp", "seconds since 1970, at most 5 minutes off"),
        ("webhook-signature", "v1,<base64 of HMAC-SHA256 over id.timestamp.body>"),
    )
]

#: How a sender of call results proves who it is, as OpenAPI names such ways.
EVENT_SECURITY = {
    "standard_webhooks": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks, with webhook-id and webhook-timestamp, by a secret of [sources]: "
        "https://www.standardwebhooks.com",
    }
}


def events_blueprint(
    intake: Intake, started: CallStarts, connector: Connector | None, ledger: Ledger, settings: Settings
) -> Blueprint:
    """The paths of events. Bodies are taken raw: the signature is over bytes, and it is checked first."""
    crm = None if connector is None else _Crm(connector, CrmEvents(intake, ledger, connector, settings, utc_now))

    def call_result() -> Response:
        """Take one call result, signed by the Standard Webhooks scheme."""
        return _response(intake.receive(_headers(), request.get_data()))

    def call_started() -> Response:
        """Tell, before the operator speaks, whether the number may be called; signed as a call result is.

        Nothing is stored of the call unless its number is excluded.
        """
        source, answer = started.receive(_headers(), request.get_data())
        intake.tell_refusal(source, answer)
        return _response(answer)

    def crm_event(connector_name: str) -> Response:
        """Take an event in the connected CRM's own format.

        What the CRM cannot be asked for now, or what is not mapped yet, is kept (`kept`) and resolved later.
        """
        return _take(intake, crm, connector_name, None)

    def crm_event_with_secret(connector_name: str, path_secret: str) -> Response:
        """Take an event of a CRM that proves itself by a secret in the path."""
        return _take(intake, crm, connector_name, path_secret)

    blueprint = Blueprint("events", __name__, url_prefix="/events", description="Call results come in")
    own_body = {"required": True, "content": {"application/json": {"schema": CallResultSchema}}}
    answers = _TAKEN | _REFUSED
    signed = {"parameters": _SIGNATURE, "security": [{key: [] for key in EVENT_SECURITY}]}
    add_route(blueprint, "POST", "/call-result", call_result, answers, requestBody=own_body, **signed)
    begun = {200: Says("What the number is excluded from", CallStartedSchema)} | _REFUSED
    add_route(blueprint, "POST", "/call-started", call_started, begun, requestBody=own_body, **signed)
    crm_body: dict[str, Any] = {"content": {"*/*": {"schema": {}}}}
    answers = answers | _CRM_REFUSED
    add_route(blueprint, "POST", "/<connector_name>", crm_event, answers, requestBody=crm_body)
    add_route(
        blueprint, "POST", "/<connector_name>/<path_secret>", crm_event_with_secret, answers, requestBody=crm_body
    )
    return blueprint


class _Crm(NamedTuple):
    """The connected CRM and the intake of its events."""

    connector: Connector
    events: CrmEvents


def too_large_teller(intake: Intake, connector: Connector | None) -> Callable[[str], None]:
    """Tells the admins of an event whose body was too large, by the path that it came in at."""

    def tell(path: str) -> None:
        if is_for_events(path):
            is_ours = connector is not None and connector_in(path) == connector.name
            source = intake.recorded_as(connector.name) if connector and is_ours else UNKNOWN_SOURCE
            intake.tell_refusal(source, EventResponse(413, error_body(413)))

    return tell


def _take(intake: Intake, crm: _Crm | None, name: str, path_secret: str | None) -> Response:
    always = crm.connector.always_answers if crm is not None and crm.connector.name == name else None
    if always is None:
        return _taken(intake, crm, name, path_secret)
    try:
        response = _taken(intake, crm, name, path_secret)
    except Exception as error:
        # A user of the CRM waits for this answer, and could not save otherwise.
        response = answer(error)
    response.status_code = always
    return response


def _taken(intake: Intake, crm: _Crm | None, name: str, path_secret: str | None) -> Response:
    if crm is None or crm.connector.name != name:
        intake.tell_refusal(UNKNOWN_SOURCE, EventResponse(404, {"error": {"code": "unknown_connector"}}))
        return error_response(
            404, "unknown_connector", "No CRM of this name is connected", hint="Check [crm] in plugin.toml"
        )
    try:
        parsed = crm.connector.parse_event(_headers(), path_secret, request.args.to_dict(), request.get_data())
    except EventNotAuthentic as error:
        _LOG.warning("event.not_authentic", connector=name, why=str(error))
        crm.events.tell_refusal(401, "not_authentic")
        return error_response(401, "not_authentic", "The event does not prove that the CRM sent it")
    except EventMalformed as error:
        crm.events.tell_refusal(400, "malformed")
        return error_response(400, "malformed", str(error))
    except CrmUnavailable as error:
        # Whether it is authentic could not be found out; an event that may be forged is not kept.
        _LOG.warning("event.not_verified", connector=name, why=str(error))
        wait = retry_seconds(error, _RETRY_AFTER)
        return error_response(
            503,
            "crm_unavailable",
            "The event could not be verified now",
            hint=f"Try again in {wait} s",
            headers={"Retry-After": str(wait)},
        )
    return _response(crm.events.take(parsed))


def _headers() -> dict[str, str]:
    """The request's headers by their names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def _response(answer: EventResponse) -> Response:
    # Several call results may have come in together; each is counted.
    g.event_statuses = [result["status"] for result in answer.body.get("results", [])]
    return json_response(answer.status, answer.body, answer.headers)
