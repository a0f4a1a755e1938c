"""A real RFC 3161 service on loopback: OpenSSL makes its answers, with keys and certificates made for this run."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from plugin.config.settings import StampService

_CONFIG = """
[tsa]
default_tsa = it
[it]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = sha256
"""
#: ``away``: 503; ``refuses``: a refusal by the protocol; ``strangers``: signed by another authority; ``old``: the
#: answer to an earlier request; ``garbage``: no answer of this protocol.
Mood = Literal["well", "away", "refuses", "strangers", "old", "garbage"]


@dataclass
class StampingServer:
    """The running service. ``asked``: the requests that came."""

    folder: Path
    url: str = ""
    mood: Mood = "well"
    asked: list[bytes] = field(default_factory=list)
    first: bytes = b""

    @property
    def authority(self) -> Path:
        return self.folder / "own" / "ca.pem"

    @property
    def stranger(self) -> Path:
        """The authority of another service."""
        return self.folder / "strangers" / "ca.pem"

    @property
    def service(self) -> StampService:
        return StampService(self.url, self.authority)

    def answer(self, query: bytes) -> bytes:
        if self.mood == "garbage":
            return b"<html>It works!</html>"
        if self.mood == "old":
            return self.first
        folder = self.folder / ("strangers" if self.mood == "strangers" else "own")
        (folder / "query").write_bytes(query)
        config = "refusing.cnf" if self.mood == "refuses" else "tsa.cnf"
        made = _openssl(folder, "ts", "-reply", "-queryfile", "query", "-config", config)
        self.first = self.first or made
        return made


def _openssl(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True).stdout


def _authority(folder: Path) -> None:
    folder.mkdir()
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout")
    _openssl(folder, "req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Stamp authority")
    _openssl(folder, "req", *key, "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamps")
    (folder / "usage").write_text("extendedKeyUsage=critical,timeStamping\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "usage")
    _openssl(folder, "x509", "-req", "-in", "tsa.csr", *signing, "-out", "tsa.pem")
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(_CONFIG.format(digests="sha256"))
    (folder / "refusing.cnf").write_text(_CONFIG.format(digests="sha512"))


@contextmanager
def stamping_server(folder: Path) -> Iterator[StampingServer]:
    """Run it for the length of the block."""
    server = StampingServer(folder)
    _authority(folder / "own")
    _authority(folder / "strangers")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append(query)
            body = b"" if server.mood == "away" else server.answer(query)
            self.send_response(503 if server.mood == "away" else 200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}/tsr"
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
