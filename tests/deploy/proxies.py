"""nginx and Caddy with the samples of deploy/: only ports, certificates and the longest waits are the test's own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from ssl import CERT_NONE, SSLContext, create_default_context

from tests.deploy.tools import DEPLOY, program
from tests.support.processes import free_port, wait_until

PEM = Path(__file__).parents[1] / "support" / "localhost.pem"

_NGINX = """
daemon off;
{user}
worker_processes 1;
error_log {home}/error.log;
pid {home}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {inside}
}}
"""
_NGINX_BELOW = """
upstream optout {{ server 127.0.0.1:{upstream}; keepalive 16; }}
server {{
    listen 127.0.0.1:{tls} ssl http2;
    server_name crm.example.org;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    client_header_timeout 3s;
    location / {{ return 200 "the CRM"; }}
    include {home}/below-a-path.conf;
}}
"""


@dataclass
class Proxy:
    """A proxy that runs: ``tls`` is its port for https, ``plain`` that for http where it has one."""

    name: str
    tls: int
    plain: int
    log: Path

    @property
    def trust(self) -> SSLContext:
        """The test's certificate is for localhost, the samples' hosts are others."""
        context = create_default_context()
        context.check_hostname = False
        context.verify_mode = CERT_NONE
        return context

    def connected(self, host: str) -> HTTPConnection:
        """A connection over TLS to this host of the proxy's."""
        connection = HTTPConnection("127.0.0.1", self.tls, timeout=30)
        plain = socket.create_connection(("127.0.0.1", self.tls), timeout=30)
        connection.sock = self.trust.wrap_socket(plain, server_hostname=host)
        return connection


@contextmanager
def proxy(name: str, home: Path, upstream: int, *, below: bool) -> Iterator[Proxy]:
    """Run ``nginx`` or ``caddy`` before the plugin at the port ``upstream``; ``below``: with the sample for a path."""
    running = Proxy(name, free_port(), free_port(), home / f"{name}.log")
    command = {"nginx": _nginx, "caddy": _caddy}[name](home, running, upstream, below)
    with _run(running, home, command):
        yield running


@contextmanager
def proxy_of_compose(home: Path, upstream: str, host: str) -> Iterator[Proxy]:
    """Run the proxy of the compose files before the plugin at the address ``upstream``."""
    running = Proxy("caddy", free_port(), free_port(), home / "caddy.log")
    text = (DEPLOY / "caddy" / "compose.Caddyfile").read_text(encoding="utf-8")
    (home / "Caddyfile").write_text(_own_ports(text, running), encoding="utf-8")
    with _run(running, home, _caddy_command(home), OPTOUT_HOST=host, OPTOUT_UPSTREAM=upstream):
        yield running


@contextmanager
def _run(running: Proxy, home: Path, command: list[str], **more: str) -> Iterator[None]:
    environ = more | {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PATH": "/usr/bin:/usr/sbin",
    }
    with (
        running.log.open("w", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_until(lambda: _answers(running) or process.poll() is not None)
            assert process.poll() is None, running.log.read_text(encoding="utf-8")
            yield
        finally:
            process.terminate()
            process.wait(30)


def _nginx(home: Path, own: Proxy, upstream: int, below: bool) -> list[str]:
    for file in (DEPLOY / "nginx").iterdir():
        text = file.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
        text = re.sub(r"listen \[::\]:(80|443)[^;]*;", "", text)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{own.plain};")
        text = text.replace("listen 443 ", f"listen 127.0.0.1:{own.tls} ")
        text = text.replace("/var/log/nginx", str(home))
        text = re.sub(r"/etc/ssl/optout/\w+\.pem", str(PEM), text)
        text = text.replace("client_header_timeout 10s", "client_header_timeout 3s")
        text = re.sub(r"include (optout-\w+\.inc)", rf"include {home}/\1", text)
        (home / file.name).write_text(text, encoding="utf-8")
    inside = f"include {home}/optout.conf;"
    if below:
        inside = _NGINX_BELOW.format(home=home, tls=own.tls, upstream=upstream, pem=PEM)
    # Root's workers would be another user, to whom pytest's folders are closed.
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(_NGINX.format(home=home, inside=inside, user=user), encoding="utf-8")
    return [program("nginx", "nginx-light"), "-p", str(home), "-c", str(home / "nginx.conf"), "-e", "stderr"]


def _caddy(home: Path, own: Proxy, upstream: int, below: bool) -> list[str]:
    text = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    if below:
        text = text[: text.index("\noptout.example.org {")] + "\n"
        text += (DEPLOY / "caddy" / "below-a-path.Caddyfile").read_text(encoding="utf-8")
    text = _own_ports(text, own).replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    text = text.replace("read_header 10s", "read_header 4s").replace("lb_try_duration 3s", "lb_try_duration 100ms")
    (home / "Caddyfile").write_text(text, encoding="utf-8")
    return _caddy_command(home)


def _own_ports(text: str, own: Proxy) -> str:
    """The Caddyfile with the test's ports and certificate."""
    ports = f"\tadmin off\n\tauto_https disable_redirects\n\thttp_port {own.plain}\n\thttps_port {own.tls}\n"
    text = text.replace("\n{\n", "\n{\n" + ports, 1)
    hosts = r"^((?:optout|crm)\.example\.org|\{\$OPTOUT_HOST\}) \{$"
    return re.sub(hosts, rf"\1 {{\n\ttls {PEM} {PEM}", text, flags=re.MULTILINE)


def _caddy_command(home: Path) -> list[str]:
    return [program("caddy"), "run", "--config", str(home / "Caddyfile"), "--adapter", "caddyfile"]


def _answers(own: Proxy) -> bool:
    try:
        socket.create_connection(("127.0.0.1", own.tls), timeout=1).close()
    except OSError:
        return False
    return True
