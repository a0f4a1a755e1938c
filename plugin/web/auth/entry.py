"""The entries from a CRM: a signed link, an unsigned button for a signed-in operator, and a frame of the CRM."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlencode

import structlog
from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from connectors.base import (
    Connector,
    ConnectorError,
    CrmRefused,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    FrameCall,
)
from plugin.auth.links import PATH, SIGN, LinkFault, read_plain
from plugin.auth.sessions import OperatorDisabled
from plugin.auth.visitor import LinkedCall
from plugin.errors import InputError
from plugin.web.auth.guards import access, own_csrf
from plugin.web.auth.pages import page
from plugin.web.auth.places import ROOT, call_url, go_to, shown, sign_in_url
from plugin.web.errors import retry_seconds

_LOG = structlog.get_logger(__name__)

#: A card's frame that is opened again so soon goes on with the same conversation, where the CRM names no call.
_SAME_CONVERSATION = timedelta(hours=1)
_RETRY_AFTER = 10
#: In the address of a link: the cookie has been set, and this request shows whether the browser keeps it.
_TRIED = "tried"


def open_link() -> Response:
    """Open the page of a call: by a signed link for the operator it names, else for the signed-in one."""
    given = dict(request.args.lists())
    if SIGN not in given:
        return _open_plainly(given)
    if _TRIED in given and access().session("visit") is None:
        # A browser that keeps no cookies of frames would be sent in a circle.
        return page("no_cookies", 200, link=_without_trial())
    opened = access().links.read(given)
    if isinstance(opened, LinkFault):
        _LOG.warning("page.link_refused", why=opened.value)
        return page(opened.value, 410 if opened is LinkFault.EXPIRED else 403)
    return _opened(opened.operator, opened.call)


@own_csrf
def open_frame(connector_name: str) -> Response:
    """Open the page in a frame of the connected CRM, which proves that it asks."""
    connector = access().connector
    if connector is None or connector.name != connector_name:
        return page("frame_unknown", 404)
    if not access().cookies.framed:
        _LOG.warning("page.frames_are_off", hint="name the CRM's origin in [page] frame_ancestors")
    try:
        frame_call = connector.open_frame(request.args.to_dict(), request.form.to_dict())
    except ConnectorError as error:
        return _refusal(connector, error)
    return _opened(frame_call.operator, _call_of(frame_call))


def add_entries(blueprint: Blueprint) -> None:
    """Serve both."""
    blueprint.add_url_rule(PATH, view_func=open_link, methods=["GET"])
    blueprint.add_url_rule(f"{ROOT}/frame/<connector_name>", view_func=open_frame, methods=["GET", "POST"])


# --- details ---------------------------------------------------------------------------------------


def _open_plainly(given: dict[str, list[str]]) -> Response:
    """An unsigned button proves nothing: it is worth what a signed-in operator could type in."""
    person = access().session("session")
    if person is None:
        return go_to(sign_in_url(request.full_path))
    call = read_plain(given)
    if call is None:
        return page("link_invalid", 403)
    access().sessions.tell_of(person, call)
    return go_to(call_url(call.id))


def _opened(operator: str, call: LinkedCall) -> Response:
    """A session bound to this call, and on to the page by an address that holds no more than the call's id."""
    own = access()
    try:
        token = own.sessions.open_call(operator, call, own.cookies.get("visit"))
    except OperatorDisabled:
        _LOG.warning("page.operator_disabled")
        return page("operator_disabled", 403)
    _LOG.info("page.opened", call=call.id)
    to = shown(call_url(call.id))
    if own.cookies.in_frame and own.session("visit") is None and _TRIED not in request.args:
        # Whether the cookie is kept shows with the next request only, which has to be able to say so.
        with suppress(InputError):
            to = f"{own.links.make(operator, call).removeprefix(own.page.public_url)}&{_TRIED}=1"
    response = redirect(to, 303)
    own.cookies.set(response, "visit", token)
    return response


def _without_trial() -> str:
    """The link that was opened, for a tab of its own."""
    given = {name: value for name, value in request.args.items() if name != _TRIED}
    return f"{shown(PATH)}?{urlencode(given)}"


def _call_of(frame_call: FrameCall) -> LinkedCall:
    call_id = frame_call.call_id
    if call_id is not None and not access().begun.may_go_on(frame_call):
        _LOG.warning("page.frame_call_of_another", call=call_id)
        call_id = None
    elif call_id is None and frame_call.card is not None and (token := access().cookies.get("visit")):
        call_id = access().sessions.recent_call_of(token, frame_call.card, _SAME_CONVERSATION)
    return LinkedCall(call_id or f"page-{secrets.token_hex(8)}", frame_call.phone, frame_call.card, frame_call.name)


def _refusal(connector: Connector, error: ConnectorError) -> Response:
    name, why = connector.name, str(error)
    if isinstance(error, EventNotAuthentic):
        _LOG.warning("page.frame_not_authentic", connector=name, why=why)
        return page("frame_refused", 403)
    if isinstance(error, EventMalformed):
        _LOG.warning("page.frame_malformed", connector=name, why=why)
        return page("frame_refused", 400)
    if isinstance(error, CrmUnavailable):
        _LOG.warning("page.crm_unavailable", connector=name, why=why)
        return page("crm_unavailable", 503, {"Retry-After": str(retry_seconds(error, _RETRY_AFTER))})
    if isinstance(error, CrmRefused):
        _LOG.error("page.crm_refused", connector=name, why=why, status=error.status, crm_code=error.code)
        return page("crm_refused", 502)
    raise error
