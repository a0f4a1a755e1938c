"""Faults on demand: what a CRM does on its bad days, switched on over HTTP and repeatable. Only with ``--faults``."""

from __future__ import annotations

import io
import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress.channel import ClientDisconnected

#: latency: answers ``seconds`` late · throttle: 429 with Retry-After ``seconds`` · error_before, error_after: 500
#: instead of, or after, the write · drop_before, drop_after: the connection is closed instead of, or after, the write ·
#: commit_after_drop: the connection is closed at once, the write is done ``seconds`` later.
KINDS = ("latency", "throttle", "error_before", "error_after", "drop_before", "drop_after", "commit_after_drop")

_API = "/api/"
_LONGEST_BODY = 2_000_000


@dataclass(slots=True)
class InjectedFault:
    """One fault: for the ``next`` requests that it concerns, or for each with ``probability``, or for all.

    ``collection`` (e.g. ``comments``) narrows it to writes into that collection; ``reads`` takes reads in too.
    """

    kind: str
    next: int | None = None
    probability: float | None = None
    seconds: float = 1.0
    collection: str | None = None
    reads: bool = False
    happened: int = 0

    def concerns(self, method: str, path: str, random: random.Random) -> bool:
        if method in ("GET", "HEAD") and not self.reads:
            return False
        if self.collection and self.collection not in path.split("/"):
            return False
        if self.next is not None and self.happened >= self.next:
            return False
        return self.probability is None or random.random() < self.probability


class FaultInjector:
    """The plan in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plan: list[InjectedFault] = []
        self._random = random.Random(0)

    def plan(self, faults: Iterable[Mapping[str, Any]], seed: int | None) -> None:
        """Replace the plan; ``seed`` makes what happens with a probability repeatable."""
        with self._lock:
            self._plan = [InjectedFault(**fault) for fault in faults]
            self._random = random.Random(seed if seed is not None else 0)

    def state(self) -> list[dict[str, Any]]:
        """The plan and how often each fault has happened."""
        with self._lock:
            return [asdict(fault) for fault in self._plan]

    def due(self, method: str, path: str) -> list[InjectedFault]:
        """What is to happen to this request: any latency, and the first other fault that concerns it."""
        with self._lock:
            chosen: list[InjectedFault] = []
            for fault in self._plan:
                taken = fault.kind != "latency" and any(other.kind != "latency" for other in chosen)
                if not taken and fault.concerns(method, path, self._random):
                    fault.happened += 1
                    chosen.append(fault)
            return chosen


class FaultyApp:
    """The WSGI application with the plan's faults around its API."""

    def __init__(
        self, app: WSGIApplication, faults: FaultInjector, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._app = app
        self._faults = faults
        self._sleep = sleep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(_API):
            return self._app(environ, start_response)
        for fault in self._faults.due(environ["REQUEST_METHOD"], path):
            if fault.kind == "latency":
                self._sleep(fault.seconds)
            else:
                return self._happen(fault, environ, start_response)
        return self._app(environ, start_response)

    def _happen(self, fault: InjectedFault, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if fault.kind == "throttle":
            return _error(
                start_response, "429 Too Many Requests", "throttled", [("Retry-After", str(math.ceil(fault.seconds)))]
            )
        if fault.kind == "commit_after_drop":
            self._later(fault.seconds, environ)
        elif fault.kind.endswith("_after"):
            self._quietly(environ)
        if fault.kind.startswith("error"):
            return _error(start_response, "500 Internal Server Error", "internal", [])
        # The server closes the connection without a byte when it is told that the client has gone.
        raise ClientDisconnected

    def _quietly(self, environ: WSGIEnvironment) -> None:
        """Do the request and drop its answer."""
        answer = self._app(environ, lambda *_: lambda _data: None)
        for _ in answer:
            pass
        close = getattr(answer, "close", None)
        if close is not None:
            close()

    def _later(self, seconds: float, environ: WSGIEnvironment) -> None:
        body = environ["wsgi.input"].read(_LONGEST_BODY)
        copy = dict(environ) | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        timer = threading.Timer(seconds, self._quietly, (copy,))
        timer.daemon = True
        timer.start()


def _error(start_response: StartResponse, status: str, code: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    body = json.dumps({"error": {"code": code, "message": "a fault that was asked for"}}).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers])
    return [body]
