"""Sends signed call results over kept-alive connections and measures each answer; runs in a process of its own."""

from __future__ import annotations

import base64
import json
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from benchmarks.peers import random_facts

SECRET = "whsec_" + base64.b64encode(b"the signing key of the benchmark").decode()


def send(url: str, first: int, count: int, connections: int) -> tuple[float, list[float]]:
    """Send ``count`` calls numbered from ``first``; how long all took, and each answer's time, in seconds."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_send, (url, first, count, connections))


def _send(url: str, first: int, count: int, connections: int) -> tuple[float, list[float]]:
    requests = [request(number) for number in range(first, first + count)]
    shares = [requests[start::connections] for start in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        started = time.perf_counter()
        times = list(pool.map(lambda share: _over_one_connection(url, share), shares))
        took = time.perf_counter() - started
    return took, [each for share in times for each in share]


def _over_one_connection(url: str, requests: list[tuple[bytes, dict[str, str]]]) -> list[float]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    times = []
    for body, headers in requests:
        started = time.perf_counter()
        connection.request("POST", "/events/call-result", body, headers)
        response = connection.getresponse()
        answer = response.read()
        times.append(time.perf_counter() - started)
        if response.status != 202:
            raise RuntimeError(f"{response.status}: {answer.decode()[:500]}")
    connection.close()
    return times


def request(number: int) -> tuple[bytes, dict[str, str]]:
    now = datetime.now(UTC)
    facts = random_facts(1, seed=number)[0]
    event = {
        "id": f"evt-{number}",
        "occurred_at": now.isoformat(),
        "call": {"id": f"call-{number}", "phone": f"+7916{number:07}", "operator": "ivanova"},
        "card": {"type": "contact", "id": str(number), "name": "Иванова Анна", "url": "https://crm.example.org/1"},
        "facts": facts,
    }
    body = json.dumps(event, ensure_ascii=False)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(event["id"]),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(str(event["id"]), now, body),
    }
    return body.encode(), headers
