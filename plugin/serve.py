"""``optout serve``: the web side and the delivery loop in one process, stopped without losing what is in hand.

One process, so that nothing is left behind when it is killed; what a kill interrupts is in the ledger, and the next
``serve`` goes on with it.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, TextIO, cast

import structlog

from connectors.registry import connector_class
from connectors.smtp import Mailer, Security
from plugin.clock import utc_now
from plugin.delivery.worker import Worker
from plugin.errors import ConfigError, OptoutError, RulesError
from plugin.events.intake import Intake
from plugin.ledger import ActiveRules, Ledger
from plugin.rulebook import Rulebook
from plugin.web import WebServer, bind, create_app

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.settings import Settings

_LOG = structlog.get_logger(__name__)

#: How long requests in hand may take to be answered after a signal, and the delivery in hand to end; seconds from the
#: signal. Below the 30 s that service managers commonly wait.
_WEB_SECONDS = 15.0
_ALL_SECONDS = 25.0
#: timeout(1), and a parent that passes Ctrl-C on, send the same signal twice: no second wish of anybody's. Seconds.
_SAME_SIGNAL = 2.0
#: A delivery loop that broke is started again, after waits that grow to a minute.
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


def serve(
    settings: Settings, *, port: int | None = None, port_file: Path | None = None, out: TextIO | None = None
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Must run in the main thread.

    ``port`` goes before the one in ``settings`` (0: any free port); ``port_file`` gets the number once it listens.
    Prints ``listening on http://host:port`` to ``out``. Another signal, 2 s later, ends the process at once.
    Raises ConfigError (port in use, unknown connector), RulesError (no usable rules at all), LedgerUnavailable.
    """
    out = out or sys.stdout
    listener = bind(settings.web.host, settings.web.port if port is None else port)
    with _service(settings, listener) as (server, worker):
        received: list[int] = []
        with _signals(received, server.stop, worker.stop):
            if port_file is not None:
                _write_whole(port_file, f"{server.port}\n")
            worker.start()
            try:
                print(f"listening on {server.url}", file=out, flush=True)
                _LOG.info("serve.listening", url=server.url)
                server.run(finish_within=_WEB_SECONDS)
                _LOG.info("serve.stopping", signal=received)
            finally:
                worker.stop()
                if not worker.wait(_ALL_SECONDS):
                    _leave_at_once()
    _LOG.info("serve.stopped")
    return 0


def _leave_at_once() -> None:
    """End although a delivery is on its way: its lease runs out, and the next process looks in the CRM first."""
    _LOG.warning("serve.delivery_cut_off")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@contextmanager
def _service(settings: Settings, listener: socket.socket) -> Iterator[tuple[WebServer, _DeliveryThread]]:
    """Everything that serves, put together and not yet started; freed in the end."""
    with ExitStack() as stack:
        stack.callback(listener.close)
        ledger = Ledger(settings.ledger_url)
        stack.callback(ledger.close)
        rules = ActiveRules(ledger, utc_now)
        stack.callback(rules.close)
        ledger.upgrade()
        _activate_first(rules, settings)
        connector = _connector(settings)
        intake = Intake(ledger, rules, settings, utc_now)
        app = create_app(intake, ledger, settings, rules, connector)
        web = settings.web
        server = WebServer(app, listener, threads=web.threads, max_body_bytes=web.max_body_bytes)
        stack.callback(server.close)
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        worker = Worker(ledger, rules, connector, _mailer(settings), settings, utc_now, owner, Random())
        yield server, _DeliveryThread(worker)


def _activate_first(rules: ActiveRules, settings: Settings) -> None:
    """Start an empty ledger with the folder's rules; say so where the folder has moved on from the active ones."""
    try:
        folder = Rulebook.load(settings.rules_dir)
    except RulesError as error:
        try:
            active = rules.current()
        except ConfigError:
            raise error from None
        _LOG.error("rules.folder_unusable", active=active.revision, why=str(error))
        return
    if rules.activate_first(folder, "serve", "first start"):
        return
    active = rules.current()
    if active.revision != folder.revision:
        _LOG.warning("rules.folder_differs", active=active.revision, folder=folder.revision)
    folder.close()


def _connector(settings: Settings) -> Connector:
    try:
        kind = connector_class(settings.crm.connector)
    except LookupError as error:
        raise ConfigError(f"[crm] connector: {error}") from error
    return kind(settings.crm.settings)


def _mailer(settings: Settings) -> Mailer | None:
    smtp = settings.smtp
    if smtp is None:
        return None
    return Mailer(
        smtp.host, smtp.port, smtp.sender, cast(Security, smtp.security), smtp.user, smtp.password, smtp.timeout_seconds
    )


class _DeliveryThread:
    """The delivery loop in its thread: started again if it breaks, since deliveries are promises."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stop = threading.Event()
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to finish what it holds; may be called from a signal handler."""
        if not self._stop.is_set():
            self._asked_at = time.monotonic()
            self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended at most ``seconds`` after it was asked to stop."""
        self._thread.join(max(0.0, self._asked_at + seconds - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._stop.is_set():
            try:
                self._worker.run(self._stop)
            except OptoutError as error:
                _LOG.error("delivery.stopped", why=str(error), again_in=wait)
            except Exception as error:
                _LOG.error("delivery.stopped", exc_info=error, again_in=wait)
            self._stop.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)


@contextmanager
def _signals(received: list[int], *stops: Callable[[], None]) -> Iterator[None]:
    first_at = 0.0

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal first_at
        if received:
            if time.monotonic() - first_at > _SAME_SIGNAL:
                os._exit(128 + signum)
            return
        first_at = time.monotonic()
        received.append(signum)
        for one in stops:
            one()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_whole(path: Path, text: str) -> None:
    """Write so that whoever waits for the file never reads half of it."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(text, encoding="ascii")
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"--port-file {path}: {error.strerror}") from error
