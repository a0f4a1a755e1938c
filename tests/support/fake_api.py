"""A CRM's HTTP API on loopback for tests: a subclass answers as the CRM's documentation says, this plays the faults."""

from __future__ import annotations

import contextlib
import enum
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Fault(enum.Enum):
    """What one request meets. ``AFTER``: the CRM has executed it by then; all others: it has not."""

    THROTTLED = "throttled"
    REFUSED = "refused"
    TOKEN_EXPIRED = "token expired"
    BLOCKED = "blocked"
    ERROR_BEFORE = "error before"
    ERROR_AFTER = "error after"
    DROP_BEFORE = "drop before"
    DROP_AFTER = "drop after"
    #: Longer than a client waits that was told of slow faults.
    TIME_OUT_AFTER = "time-out after"
    HTML = "html instead of json, executed"
    NOT_UTF8 = "invalid utf-8, executed"
    GIGANTIC = "a gigantic answer, executed"
    DRIP = "an answer byte by byte, executed"
    REDIRECT = "redirect"
    REPEATING = "an error that repeats the request"
    REPEATING_IN_200 = "200 with an error that repeats the request"


#: Those that only the client's own time limit ends.
SLOW = (Fault.TIME_OUT_AFTER, Fault.DRIP)


@dataclass
class Patience:
    """How long clients wait for an answer here: long, so that on a busy machine only a slow fault makes a time-out."""

    read_seconds: float = 20.0


PATIENCE = Patience()


@dataclass(frozen=True)
class ApiRequest:
    """A request as it came. ``query`` keeps the last of several values; ``data`` is the body's JSON, or None."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class ApiAnswer:
    """``data`` goes out as JSON, bytes as they are, None as an empty body."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.data is None:
            return b""
        return self.data if isinstance(self.data, bytes) else json.dumps(self.data, ensure_ascii=False).encode()


_WORDED = (Fault.THROTTLED, Fault.REFUSED, Fault.TOKEN_EXPIRED, Fault.BLOCKED, Fault.ERROR_BEFORE)
_GARBLED: Mapping[Fault | None, ApiAnswer] = {
    Fault.HTML: ApiAnswer(200, b"<html><body>Maintenance</body></html>", {"Content-Type": "text/html"}),
    Fault.NOT_UTF8: ApiAnswer(200, b'{"id": "\xff\xfe"}'),
    Fault.GIGANTIC: ApiAnswer(200, b'{"id": "' + b"x" * 8_000_000 + b'"}'),
}


class FakeApi:
    """The server. A subclass gives ``answer``, ``is_write`` and, for the faults that a CRM words itself, ``worded``."""

    def __init__(self) -> None:
        self.requests: list[ApiRequest] = []
        self.lock = threading.RLock()
        self._faults: deque[Fault] = deque()
        self._faults_of_reads: deque[Fault] = deque()
        #: What every request meets as long as it is set: the CRM is away, or throttles, or lets nobody in.
        self.outage: Fault | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    # --- what a subclass says ------------------------------------------------------------------------

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Execute the request and answer it as the documentation says. Called by one thread at a time."""
        raise NotImplementedError

    def is_write(self, request: ApiRequest) -> bool:
        """Whether faults may hit this request: those that write."""
        return request.method != "GET"

    def worded(self, fault: Fault) -> ApiAnswer:
        """The answer by which this CRM says THROTTLED, REFUSED, TOKEN_EXPIRED, BLOCKED or ERROR_*."""
        raise NotImplementedError

    # --- for tests -------------------------------------------------------------------------------------

    def fault(self, *faults: Fault) -> None:
        """The next writing requests meet these, one each."""
        with self.lock:
            self._faults.extend(faults)

    def fault_reads(self, *faults: Fault) -> None:
        """The next requests that write nothing meet these, one each."""
        with self.lock:
            self._faults_of_reads.extend(faults)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the length of the block."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)

    # --- playing -----------------------------------------------------------------------------------------

    def meet(self, handler: BaseHTTPRequestHandler, request: ApiRequest) -> None:
        """Answer one request on this connection, or play its fault."""
        with self.lock:
            self.requests.append(request)
            fault = self.outage or self._next_fault(request)
            answer = self._answer(request, fault)
        match fault:
            case Fault.DROP_BEFORE | Fault.DROP_AFTER:
                _reset(handler)
            case Fault.TIME_OUT_AFTER:
                time.sleep(1.5)
                _reset(handler)
            case Fault.DRIP:
                _send(handler, answer, drip=True)
            case _:
                _send(handler, answer)

    def _next_fault(self, request: ApiRequest) -> Fault | None:
        faults = self._faults if self.is_write(request) else self._faults_of_reads
        return faults.popleft() if faults else None

    def _answer(self, request: ApiRequest, fault: Fault | None) -> ApiAnswer:
        if fault is not None and fault in _WORDED:
            return self.worded(fault)
        if fault is Fault.DROP_BEFORE:
            return ApiAnswer(200)
        if fault is Fault.REDIRECT:
            return ApiAnswer(302, b"", {"Location": self.url + request.path + "/"})
        if fault in (Fault.REPEATING, Fault.REPEATING_IN_200):
            return _repeating(request, 403 if fault is Fault.REPEATING else 200)
        answer = self.answer(request)
        return self.worded(fault) if fault is Fault.ERROR_AFTER else _GARBLED.get(fault, answer)


def _repeating(request: ApiRequest, status: int) -> ApiAnswer:
    """An error in the places by which CRMs say theirs, with the request in its words."""
    # Whoever takes this for a log cuts it, so what is private comes first.
    keys = [value for name, value in request.headers.items() if name in ("authorization", "x-api-key")]
    words = " ".join([request.path, *keys, request.body.decode()])
    places = ("error", "error_description", "message", "title", "detail", "hint")
    return ApiAnswer(status, dict.fromkeys(places, words), {"X-Status-Reason": ascii(words)[1:1000]})


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body go out apart; without this the body waits 40 ms for the head to be acknowledged.
        disable_nagle_algorithm = True

        def _meet(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            # A client that hangs up in the middle is what many tests are about.
            with contextlib.suppress(OSError):
                api.meet(self, ApiRequest(self.command, parts.path, query, headers, self.rfile.read(length)))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _meet  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _send(handler: BaseHTTPRequestHandler, answer: ApiAnswer, *, drip: bool = False) -> None:
    body = answer.body
    handler.send_response(answer.status)
    for name, value in ({"Content-Type": "application/json"} | dict(answer.headers)).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for part in (body[i : i + 1] for i in range(len(body))) if drip else (body,):
        handler.wfile.write(part)
        if drip:
            handler.wfile.flush()
            time.sleep(0.2)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
