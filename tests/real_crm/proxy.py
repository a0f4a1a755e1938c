"""A proxy between the plugin and the CRM that cuts connections and plays faults, before or after the CRM wrote."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

_PASSED_ON = ("authorization", "content-type", "accept")
#: A look-up that this CRM asks for by POST.
_LOOK_UPS = ("/api/contacts/duplicates/",)


class CuttingProxy(FakeApi):
    """Passes everything on to ``upstream``; ``fault`` says what the next writing requests meet instead."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = urlsplit(upstream).netloc

    def is_write(self, request: ApiRequest) -> bool:
        return request.method != "GET" and request.path not in _LOOK_UPS

    def worded(self, fault: Fault) -> ApiAnswer:
        return ApiAnswer(503 if fault is Fault.THROTTLED else 502, {"detail": "the proxy says so"})

    def answer(self, request: ApiRequest) -> ApiAnswer:
        address = request.path + (f"?{urlencode(request.query)}" if request.query else "")
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        connection = HTTPConnection(self._upstream, timeout=60)
        try:
            connection.request(request.method, address, request.body or None, headers)
            answer = connection.getresponse()
            return ApiAnswer(answer.status, answer.read(), {"Content-Type": str(answer.getheader("Content-Type"))})
        finally:
            connection.close()

    @property
    def faults_left(self) -> int:
        """How many faults have met no request yet."""
        with self.lock:
            return len(self._faults)

    def writes(self, path: str) -> int:
        """How many writing requests came for this path."""
        with self.lock:
            return sum(self.is_write(request) and request.path == path for request in self.requests)
