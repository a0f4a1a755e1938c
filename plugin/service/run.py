"""``optout serve``, ``web`` and ``deliver``: call results are taken in, carried out, or both, in one process.

Stopped without losing what is in hand; what a kill interrupts is in the ledger, and any other process on it goes on
with it, on this machine or, with PostgreSQL, on another one.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import structlog

from plugin.errors import ConfigError
from plugin.service.signals import signals
from plugin.service.start_rules import remark_on_facts, start_rules
from plugin.service.wiring import parts
from plugin.web import bind

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.console.setup_tools import SetupTools
    from plugin.service.background import LoopThread

_LOG = structlog.get_logger(__name__)

#: How long requests in hand may take to be answered after a signal, and the delivery in hand to end; seconds from the
#: signal. Below the 30 s that service managers commonly wait.
_WEB_SECONDS = 15.0
_ALL_SECONDS = 25.0
_UPGRADE = "optout db upgrade"
#: New objects after which Python looks for circles among them; an event or a delivery makes some hundreds that need no
#: such look.
_LOOK_AFTER = 10_000


def serve(
    settings: Settings,
    *,
    port: int | None = None,
    port_file: Path | None = None,
    out: TextIO | None = None,
    delivers: bool = True,
    upgrade_command: str = _UPGRADE,
    tools: SetupTools | None = None,
) -> int:
    """Take call results in, and deliver if ``delivers``, until SIGTERM or SIGINT; the exit status.

    ``port`` goes before the one in ``settings`` (0: any free port); ``port_file`` gets the number once it listens;
    ``tools`` show the set-up in the console. Prints ``listening on http://host:port`` to ``out``. Another signal, 2 s
    later, ends the process at once. Must run in the main thread. Raises ConfigError (port in use, unknown connector, a
    schema that ``upgrade_command`` would upgrade), RulesError (no usable rules at all), LedgerUnavailable.
    """
    with ExitStack() as stack:
        listener = bind(settings.web.host, settings.web.port if port is None else port)
        stack.callback(listener.close)
        own = stack.enter_context(parts(settings, upgrade_command=upgrade_command))
        start_rules(own.rules, settings)
        remark_on_facts(own.rules, settings, own.connector)
        # Before the first event comes in, which would look as if all before it had been heard.
        own.catch_up("start").ask("start")
        server = own.web_server(listener, tools)
        loops = own.loops() if delivers else ()
        received: list[int] = []
        stack.enter_context(signals(received, server.stop, *(loop.stop for loop in loops)))
        if port_file is not None:
            _write_whole(port_file, f"{server.port}\n")
        _settle_memory()
        with _running(loops):
            print(f"listening on {server.url}", file=out or sys.stdout, flush=True)
            _LOG.info("serve.listening", url=server.url, delivers=delivers)
            server.run(finish_within=_WEB_SECONDS)
            _LOG.info("serve.stopping", signal=received)
    _LOG.info("serve.stopped")
    return 0


def deliver(settings: Settings, *, out: TextIO | None = None, upgrade_command: str = _UPGRADE) -> int:
    """Deliver what call results came to, until SIGTERM or SIGINT; the exit status. Listens nowhere.

    Prints ``delivering`` to ``out`` once it does. Must run in the main thread. Raises as ``serve`` does.
    """
    with parts(settings, upgrade_command=upgrade_command) as own:
        own.catch_up("start").ask("start")
        loops, stopped = own.loops(), threading.Event()
        received: list[int] = []
        _settle_memory()
        with signals(received, *(loop.stop for loop in loops), stopped.set), _running(loops):
            print("delivering", file=out or sys.stdout, flush=True)
            _LOG.info("deliver.started", connector=own.connector.name)
            stopped.wait()
            _LOG.info("deliver.stopping", signal=received)
    _LOG.info("deliver.stopped")
    return 0


def _settle_memory() -> None:
    """Have Python's collector leave alone what stays for the life of the process: modules, rules, routes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOK_AFTER, 20, 20)


@contextmanager
def _running(loops: Sequence[LoopThread]) -> Iterator[None]:
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        if not all([loop.wait(_ALL_SECONDS) for loop in loops]):
            # Their leases run out, and the next process looks in the CRM first.
            _LOG.warning("serve.cut_off")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def _write_whole(path: Path, text: str) -> None:
    """Write so that a program that waits for the file never reads half of it."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(text, encoding="ascii")
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"--port-file {path}: {error.strerror}") from error
