"""The command line of the embedded CRM. A mistake in it is one line on stderr and exit 2."""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from marshmallow import ValidationError
from waitress.server import create_server

from connectors.embedded.crm import records
from connectors.embedded.crm.app import Crm, Options, utc_now
from connectors.embedded.crm.faults import FaultInjector, FaultyApp
from connectors.embedded.crm.mail import SENDER, MailTransport, OutboxTransport, SmtpTransport
from connectors.embedded.crm.schemas import Seed
from connectors.embedded.crm.server import application
from connectors.embedded.crm.store import CrmStore, StoreUnusable
from connectors.smtp import Mailer

#: More than the API itself takes, so that the API's own clear refusal comes first.
_LARGEST_REQUEST = 4_194_304


class BadStart(Exception):
    """The CRM cannot be started like this; the message is one line."""


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run the CRM until SIGTERM or Ctrl-C. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        crm = _crm(options, environ)
    except BadStart as error:
        print(f"crm: {error}", file=sys.stderr)
        return 2
    try:
        _serve(crm, options)
    except BadStart as error:
        print(f"crm: {error}", file=sys.stderr)
        return 2
    finally:
        crm.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connectors.embedded", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=0, help="port, 0 for a free one (default)")
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="write the port into this file when ready")
    parser.add_argument("--database", type=Path, required=True, metavar="FILE", help="the CRM's SQLite file")
    token = parser.add_mutually_exclusive_group(required=True)
    token.add_argument("--token-env", metavar="NAME", help="environment variable with the API's bearer token")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="file with the API's bearer token")
    parser.add_argument("--page-token-env", metavar="NAME", help="ask for this token before pages are shown")
    mail = parser.add_mutually_exclusive_group()
    mail.add_argument("--outbox", type=Path, metavar="DIR", help="lay mails down as .eml files in this folder")
    mail.add_argument("--smtp", metavar="HOST:PORT", help="send mails through this server")
    parser.add_argument("--webhook-url", metavar="URL", help="tell this address about every call")
    parser.add_argument("--webhook-secret-env", metavar="NAME", help="environment variable with its signing secret")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="JSON file with cards and users to begin with")
    parser.add_argument("--timezone", default="Europe/Moscow", metavar="ZONE", help="time zone of the pages")
    parser.add_argument(
        "--script-url", metavar="URL", help="a button in each card opens the operators' page here: …/operator/open"
    )
    parser.add_argument("--faults", action="store_true", help="let /faults make the API misbehave; for tests only")
    return parser


def _port(given: str) -> int:
    # The server itself would take a larger number modulo 65536.
    if not (given.isascii() and given.isdigit() and int(given) <= 65_535):
        raise argparse.ArgumentTypeError("expected 0 to 65535")
    return int(given)


def _crm(options: argparse.Namespace, environ: Mapping[str, str]) -> Crm:
    token = _secret(options.token_env, options.token_file, environ)
    if bool(options.webhook_url) != bool(options.webhook_secret_env):
        raise BadStart("--webhook-url and --webhook-secret-env go together")
    secret = _secret(options.webhook_secret_env, None, environ) if options.webhook_url else ""
    page_token = _secret(options.page_token_env, None, environ) if options.page_token_env else None
    settings = Options(
        token=token,
        mail_transport=_mail_transport(options),
        webhook_url=options.webhook_url,
        webhook_secret=secret,
        faults=FaultInjector() if options.faults else None,
        timezone=_zone(options.timezone),
        page_open=is_loopback(options.host),
        page_token=page_token,
        script_url=options.script_url,
    )
    try:
        store = CrmStore(options.database)
    except StoreUnusable as error:
        raise BadStart(str(error)) from None
    try:
        if options.seed:
            _seed(store, options.seed, settings)
        return Crm(store, settings)
    except ValueError as error:
        store.close()
        raise BadStart(f"--webhook-url {error}") from None
    except BadStart:
        store.close()
        raise


def _serve(crm: Crm, options: argparse.Namespace) -> None:
    faults = crm.options.faults
    listener = _listener(options.host, options.port)
    logging.basicConfig(format="crm: %(message)s", level=logging.WARNING)
    # Its warnings about clients that went away are, with faults, what was asked for.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    app = application(crm)
    server: Any = create_server(
        app if faults is None else FaultyApp(app, faults),
        sockets=[listener],
        threads=8,
        max_request_body_size=_LARGEST_REQUEST,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
    try:
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, _leave)
        crm.start()
        _announce(listener, options)
        # Ends when a signal raises SystemExit, after the requests in hand.
        server.run()
    finally:
        server.close()


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise BadStart(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _announce(listener: socket.socket, options: argparse.Namespace) -> None:
    port = listener.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    if options.port_file:
        try:
            options.port_file.write_text(f"{port}\n", encoding="ascii")
        except OSError as error:
            raise BadStart(f"cannot write {options.port_file}: {error.strerror}") from None
    print(f"listening on http://{host}:{port}", flush=True)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def _secret(variable: str | None, file: Path | None, environ: Mapping[str, str]) -> str:
    if file is not None:
        try:
            value, source = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, UnicodeDecodeError):
            raise BadStart(f"cannot read the token from {file}") from None
    else:
        value, source = environ.get(variable or "", "").strip(), f"the environment variable {variable}"
    if not value:
        raise BadStart(f"{source} is missing or empty")
    if not value.isascii() or not value.isprintable():
        raise BadStart(f"{source} holds a character that cannot stand in a header")
    return value


def _mail_transport(options: argparse.Namespace) -> MailTransport | None:
    if options.outbox:
        try:
            return OutboxTransport(options.outbox, utc_now)
        except OSError as error:
            raise BadStart(f"cannot use {options.outbox} as the outbox: {error.strerror}") from None
    if options.smtp:
        host, _, port = options.smtp.rpartition(":")
        if not host or not port.isdigit():
            raise BadStart(f"--smtp is {options.smtp!r}; expected HOST:PORT")
        return SmtpTransport(Mailer(host, int(port), SENDER, timeout_seconds=10.0))
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise BadStart(f"--timezone {name!r} is unknown; expected e.g. Europe/Moscow") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seed(store: CrmStore, file: Path, options: Options) -> None:
    """Add the file's cards and users; those there already stay as they are."""
    try:
        seed = Seed().load(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadStart(f"cannot read {file}: {error.strerror}") from None
    except ValidationError as error:
        raise BadStart(f"{file}: {json.dumps(error.messages, ensure_ascii=False)}") from None
    except ValueError:
        raise BadStart(f"{file} is not JSON in UTF-8") from None
    with store.transaction() as db:
        for user in seed["users"]:
            if db.execute("SELECT 1 FROM users WHERE id = ?", (user["id"],)).fetchone() is None:
                records.add_user(db, user)
        for card in seed["cards"]:
            if db.execute("SELECT 1 FROM cards WHERE id = ?", (card["id"],)).fetchone() is None:
                records.add_card(db, card, options.now())
