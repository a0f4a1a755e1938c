"""The operator's page in a frame of the portal: in the call's card and as a tab of a client's card.

Whoever opens the page brings a token of the portal's. It is shown to the portal of the settings, never to an address
from the form: only the portal can say whose it is, and that it was made for the plugin's own application.
Sources: https://apidocs.bitrix24.ru/api-reference/widgets/telephony/call-card.html, /widgets/crm/detail-tab.html,
/common/system/app-info.html, /common/users/profile.html
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from connectors.base import (
    Card,
    CardRef,
    CrmRefused,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    FrameCall,
    Limits,
)
from connectors.bitrix24.client import PEOPLE_WAIT, Bitrix24Client
from connectors.bitrix24.commands import BatchAnswer, Command
from connectors.bitrix24.contacts import card_commands, card_in, card_of
from connectors.bitrix24.types import is_id, ref
from connectors.http.rate_limit import RateLimiter
from connectors.kit.secrets import same_secret
from plugin.common.text import sendable
from plugin.common.text_tree import clean_tree

CALL_CARD = "CALL_CARD"
_TAB = re.compile(r"CRM_(CONTACT|LEAD|DEAL|COMPANY|DYNAMIC_\d{3,6})_DETAIL_TAB")
_TOKEN = re.compile(r"[A-Za-z0-9]{16,256}")
_LONGEST_OPTIONS = 20_000
#: Of the account's quota, for opening pages.
_SHARE = 0.2
_MOST_REFUSED = 10_000
#: What is written where the call has no activity yet.
_NONE = frozenset({"", "0", "undefined", "null"})


class FrameOpener:
    """Opens the page for people of one portal. Thread-safe.

    ``limiter`` stands in for the openings' own budget: a fifth of the account's quota, so that
    deliveries keep the rest.
    """

    def __init__(
        self,
        portal: Bitrix24Client,
        settings: Mapping[str, Any],
        limits: Limits,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._portal = portal
        self._settings = settings
        burst = max(1, int(limits.burst * _SHARE))
        self._budget = limiter or RateLimiter(limits.requests_per_second * _SHARE, burst)
        self._refused = _RefusedTokens()

    def opened(self, query: Mapping[str, str], form: Mapping[str, str]) -> FrameCall:
        """Who opened the page, and for which call.

        Raises EventNotAuthentic, EventMalformed, CrmUnavailable, CrmRefused.
        """
        given = {**query, **form}
        _check_proofs(self._portal, self._settings, given)
        where, call_id, phone = _asked(given)
        operator, card = self._ask(given["AUTH_ID"], where)
        if phone is None and card is not None and card.phones:
            phone = card.phones[0]
        is_seen = card is not None and card.url is not None
        name = None if card is None else card.name
        return FrameCall(operator, call_id, phone, None if card is None else card.ref, name, is_seen)

    def _ask(self, token: str, where: CardRef | None) -> tuple[str, Card | None]:
        """Whose token it is, and the card as that person sees it: one request, as that person."""
        if self._refused.has(token):
            raise EventNotAuthentic("the portal has refused the page's token before")
        wait = self._budget.acquire(PEOPLE_WAIT)
        if wait:
            raise CrmUnavailable("the page is opened more often than the portal can be asked for it", after=wait)
        commands = {"user": Command("profile"), "app": Command("app.info")}
        try:
            answer = _as_person(self._portal, token, commands | (card_commands(where) if where else {}))
            operator = _operator(self._portal, self._settings, answer)
        except EventNotAuthentic:
            self._refused.add(token)
            raise
        return operator, _card(self._portal, where, answer)


class _RefusedTokens:
    """Tokens that the portal did not take, by their digests: they do not become valid again. Thread-safe."""

    def __init__(self) -> None:
        self._digests: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, token: str) -> bool:
        with self._lock:
            return sha256(token.encode()).digest() in self._digests

    def add(self, token: str) -> None:
        with self._lock:
            self._digests[sha256(token.encode()).digest()] = None
            if len(self._digests) > _MOST_REFUSED:
                self._digests.popitem(last=False)


def _asked(given: Mapping[str, str]) -> tuple[CardRef | None, str | None, str | None]:
    """The card, the call and its number that the page was opened for, as the opening says."""
    placement, options = given.get("PLACEMENT", ""), _options(given.get("PLACEMENT_OPTIONS", ""))
    if placement == CALL_CARD:
        call_id = _text(options.get("CALL_ID"))
        if call_id is None:
            raise EventMalformed("the portal opened the page without naming the call")
        return _card_of_call(options), call_id, _text(options.get("PHONE_NUMBER"))
    tab = _TAB.fullmatch(placement)
    where = ref(tab[1], options.get("ID")) if tab else None
    if where is None:
        raise EventMalformed("the page was opened in a place that it is not made for")
    return where, None, None


def _check_proofs(portal: Bitrix24Client, settings: Mapping[str, Any], given: Mapping[str, str]) -> None:
    if not settings["client_id"]:
        raise EventNotAuthentic("no client_id is set, so it cannot be told whose page the portal opens")
    domain = given.get("DOMAIN")
    if domain is not None and domain.lower().partition(":")[0] != portal.host.lower().partition(":")[0]:
        raise EventNotAuthentic("the page was opened by another portal")
    if not settings["frame_token"] and not settings["member_id"]:
        raise EventNotAuthentic("neither frame_token nor member_id is set, so anybody could have opened the page")
    token = settings["frame_token"]
    if token and not same_secret(given.get("APPLICATION_TOKEN"), token):
        raise EventNotAuthentic("the page's APPLICATION_TOKEN is wrong")
    member = settings["member_id"]
    if member and not same_secret(given.get("member_id"), member):
        raise EventNotAuthentic("the page was opened by another portal: member_id differs")
    if not _TOKEN.fullmatch(given.get("AUTH_ID", "")):
        raise EventNotAuthentic("the page was opened without the portal's token")


def _as_person(portal: Bitrix24Client, token: str, commands: Mapping[str, Command]) -> BatchAnswer:
    try:
        return portal.ask_as(token, commands)
    except CrmRefused as error:
        raise EventNotAuthentic(f"the portal does not accept the page's token: {error}") from None
    except CrmUnavailable as error:
        if error.status == 401:
            raise EventNotAuthentic("the portal does not accept the page's token") from None
        raise


def _operator(portal: Bitrix24Client, settings: Mapping[str, Any], answer: BatchAnswer) -> str:
    """Whom the portal gave the token to, as the portal itself says."""
    for key, method in (("user", "profile"), ("app", "app.info")):
        refused = portal.refusal(answer, key, method)
        if isinstance(refused, CrmRefused):
            raise EventNotAuthentic(f"the portal does not accept the page's token: {refused}")
        if refused is not None:
            raise refused
    user, app = answer.results["user"], answer.results["app"]
    if not isinstance(app, Mapping) or not same_secret(app.get("CODE"), settings["client_id"]):
        raise EventNotAuthentic("the page's token was made for another application")
    number = user.get("ID") if isinstance(user, Mapping) else None
    if not is_id(number):
        raise EventNotAuthentic("the page's token belongs to no active user")
    return str(number)


def _options(written: str) -> Mapping[str, Any]:
    try:
        found = clean_tree(json.loads(written)).value if 0 < len(written) <= _LONGEST_OPTIONS else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise EventMalformed("PLACEMENT_OPTIONS is no JSON object")
    return found


def _card_of_call(options: Mapping[str, Any]) -> CardRef | None:
    """The card that the call is linked to, the person's own before a deal's."""
    main = (options.get("CRM_ENTITY_TYPE"), options.get("CRM_ENTITY_ID"))
    bindings = options.get("CRM_BINDINGS")
    bound = [
        (item.get("ENTITY_TYPE"), item.get("ENTITY_ID"))
        for item in (bindings if isinstance(bindings, list) else [])
        if isinstance(item, Mapping)
    ]
    found = [card for card in (ref(str(kind), number) for kind, number in (main, *bound) if kind) if card is not None]
    return next((card for card in found if card.type == "contact"), found[0] if found else None)


def _card(portal: Bitrix24Client, where: CardRef | None, answer: BatchAnswer) -> Card | None:
    """The card as the operator sees it; without rights to it the page still opens, and shows nothing of it."""
    if where is None:
        return None
    try:
        found = card_in(portal, answer)
    except CrmRefused:
        return Card(where)
    return None if found is None else card_of(portal, where, *found)


def _text(value: object) -> str | None:
    written = sendable(value).strip() if isinstance(value, str) else ""
    return None if written in _NONE else written
