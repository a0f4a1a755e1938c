"""``/metrics`` for Prometheus: what this process was asked, and what the whole ledger has done and has left to do.

It holds nothing about a client, and every label takes few values. Only this machine or a bearer of the token reads it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from flask import Response, g, request
from flask_smorest import Blueprint
from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response as AnyResponse

from plugin.auth.digests import is_same
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.ledger.promises import UNSETTLED
from plugin.monitoring.figures import Figures, States, cumulated
from plugin.promise.promise_list import PromiseCounts
from plugin.web.errors import error_response
from plugin.web.routes import Says, add_route
from plugin.web.schemas import MetricsSchema
from plugin.web.this_machine import is_from_this_machine

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)

#: The ledger is asked again after so many seconds, and after so many times as long as it took to answer.
_FRESH = 5.0
_TIMES_AS_LONG = 20.0
#: Outcomes by revision that are told apart, the most frequent ones; the others are one line.
_MOST_OUTCOMES = 100
_OTHER = "(other)"
#: What a connector's label says of the plugin's own mail.
_SMTP = "smtp"
_REVISION_DIGITS = 12
#: How a reader from elsewhere proves who it is, as OpenAPI names such ways.
METRICS_SECURITY = {
    "metrics_token": {"type": "http", "scheme": "bearer", "description": "[web] metrics_token of plugin.toml"}
}


class Metrics:
    """The figures of one application, in a registry of their own. Thread-safe."""

    def __init__(self, ledger: Ledger, settings: Settings, now: Now) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._token = settings.web.metrics_token
        self._events = Counter(
            "optout_process_events",
            "Call results that this process answered, by HTTP status.",
            ["status"],
            registry=self._registry,
        )
        self._registry.register(_LedgerCollector(ledger, settings, now))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def count(self, response: AnyResponse) -> AnyResponse:
        """Count an answer, if it was about events: one that was about several counts as each of them."""
        rule = request.url_rule.rule if request.url_rule else ""
        if rule.startswith("/events/"):
            for status in g.get("event_statuses") or [response.status_code]:
                self._events.labels(status=str(status)).inc()
        return response

    def exposition(self) -> str:
        """The figures in Prometheus's text format."""
        return generate_latest(self._registry).decode()

    def blueprint(self) -> Blueprint:
        """``GET /metrics``."""

        def metrics() -> Response:
            """The figures in Prometheus's text format, for this machine or the bearer of ``[web] metrics_token``."""
            if not self._may_see():
                return error_response(
                    403,
                    "metrics_forbidden",
                    "The metrics are for this machine, or for who bears the token",
                    hint="Set [web] metrics_token in plugin.toml, and send it: Authorization: Bearer …",
                )
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
            return Response(encode(self._registry), content_type=content_type)

        blueprint = Blueprint("metrics", __name__, description="Figures for whoever watches the process")
        answers = {
            200: Says("The figures", MetricsSchema, "text/plain"),
            403: Says("Not from here, or without the token"),
        }
        # Without a token this machine alone reads them.
        add_route(blueprint, "GET", "/metrics", metrics, answers, security=[{key: [] for key in METRICS_SECURITY}, {}])
        return blueprint

    def _may_see(self) -> bool:
        if self._token is not None:
            kind, _, given = request.headers.get("Authorization", "").partition(" ")
            return kind.lower() == "bearer" and is_same(given.strip(), self._token)
        return is_from_this_machine(request)


def _promises(counts: PromiseCounts) -> Iterator[Metric]:
    standing = GaugeMetricFamily("optout_promises", "Promises that are not kept yet, by state.", labels=["state"])
    for state in UNSETTLED:
        standing.add_metric([state], counts.standing.get(state, 0))
    yield standing
    ended = GaugeMetricFamily(
        "optout_promises_ended_within_a_day", "Promises that ended within a day, by how.", labels=["state"]
    )
    for way in ("kept", "late", "broken", "withdrawn"):
        ended.add_metric([way], counts.ended.get(way, 0))
    yield ended


class _LedgerCollector(Collector):
    """The ledger's figures, asked for seldom enough not to be felt."""

    def __init__(self, ledger: Ledger, settings: Settings, now: Now) -> None:
        self._ledger = ledger
        self._crm = settings.crm.connector
        self._now = now
        self._figures = Figures(now(), timedelta(hours=settings.alerts.at_risk_hours))
        self._lock = threading.Lock()
        self._next = 0.0
        self._up = False

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() >= self._next:
                self._up = self._read()
            found = [*self._standing(), *self._done()] if self._up else []
        yield GaugeMetricFamily("optout_ledger_up", "Whether the ledger could be read.", value=float(self._up))
        yield CounterMetricFamily(
            "optout_process_ledger_errors",
            "How often the ledger could not be used by this process.",
            value=float(self._ledger.failures),
        )
        yield from found

    def _read(self) -> bool:
        started = time.monotonic()
        try:
            with self._ledger.read() as connection:
                self._figures.read(connection, self._ledger.moment(connection, self._now))
            return True
        except LedgerUnavailable as error:
            _LOG.debug("metrics.ledger_unavailable", why=error.message)
            return False
        finally:
            ended = time.monotonic()
            self._next = ended + max(_FRESH, _TIMES_AS_LONG * (ended - started))

    def _standing(self) -> Iterator[Metric]:
        standing = self._figures.standing
        states = GaugeMetricFamily(
            "optout_deliveries", "Deliveries that are not done, by state.", labels=["state", "connector"]
        )
        for (state, connector), number in sorted(self._by_connector(standing.states).items()):
            states.add_metric([state, connector], number)
        yield states
        parked = sum(number for (state, _), number in standing.states.items() if state == "parked")
        events, risk = standing.events, "Calls whose deadline is near ([alerts] at_risk_hours) and not everything done."
        for name, help_, value in (
            ("deliveries_parked", "Deliveries that wait for a human.", parked),
            (
                "oldest_pending_seconds",
                "How long ago the oldest open delivery was planned.",
                self._age(standing.oldest),
            ),
            ("promises_late", "Calls whose deadline is over and not everything done.", standing.late),
            ("promises_at_risk", risk, standing.at_risk),
            ("kept_events_waiting", "The CRM's own events that are not resolved yet.", events.waiting),
            ("kept_events_parked", "The CRM's own events that wait for a human.", events.parked),
            ("oldest_kept_event_seconds", "How long the oldest unresolved event has waited.", self._age(events.since)),
        ):
            yield GaugeMetricFamily(f"optout_{name}", help_, value=value)
        called = GaugeMetricFamily(
            "optout_calls_after_refusal",
            "Calls to excluded numbers that were noticed within a day, by source.",
            labels=["source"],
        )
        for source, number in sorted(standing.refused.items()):
            called.add_metric([source], number)
        yield called
        pushed = GaugeMetricFamily(
            "optout_dialler_numbers",
            "Numbers on their way into a dialler's list or out of it, and those that it refused, by state.",
            labels=["dialler", "state"],
        )
        for dialler, counts in sorted(standing.pushes.items()):
            pushed.add_metric([dialler, "open"], counts.open)
            pushed.add_metric([dialler, "parked"], counts.parked)
        yield pushed
        yield from _promises(standing.promises)
        yield CounterMetricFamily(
            "optout_kept_events",
            "The CRM's own events kept since this process started, by any process.",
            value=float(self._figures.kept),
        )

    def _age(self, since: datetime | None) -> float:
        return max(0.0, (self._now() - since).total_seconds()) if since else 0.0

    def _done(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "optout_deliveries_ended",
            "Deliveries that ended since this process started, in any process, by state.",
            labels=["state", "connector"],
        )
        for (state, connector), number in sorted(self._by_connector(self._figures.ended).items()):
            ended.add_metric([state, connector], number)
        yield ended
        decided = CounterMetricFamily(
            "optout_decisions",
            "Decisions written since this process started, in any process.",
            labels=["script", "outcome", "revision"],
        )
        for labels, number in sorted(self._outcomes().items()):
            decided.add_metric(list(labels), number)
        yield decided
        tried = HistogramMetricFamily(
            "optout_attempt_seconds",
            "How long attempts took that were made since this process started, in any process.",
            labels=["step", "outcome", "connector"],
        )
        for (step, outcome, is_mail), durations in sorted(self._figures.tried.items()):
            where = [step, outcome, self._connector(is_mail)]
            tried.add_metric(where, list(cumulated(durations).items()), durations.seconds)
        yield tried

    def _outcomes(self) -> Tally[tuple[str, str, str]]:
        found: Tally[tuple[str, str, str]] = Tally()
        for place, ((script, outcome, revision), number) in enumerate(self._figures.decided.most_common()):
            known = (script, outcome or "(unfinished)", revision[:_REVISION_DIGITS])
            found[known if place < _MOST_OUTCOMES else (_OTHER, _OTHER, _OTHER)] += number
        return found

    def _by_connector(self, states: States) -> Tally[tuple[str, str]]:
        found: Tally[tuple[str, str]] = Tally()
        for (state, is_mail), number in states.items():
            found[state, self._connector(is_mail)] += number
        return found

    def _connector(self, is_mail: bool) -> str:
        return _SMTP if is_mail else self._crm
