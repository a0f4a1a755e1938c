"""The accounts that plugin.toml names: the CRM's, with what all processes of a ledger share of it, and the mail's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from connectors.registry import connector_class
from connectors.smtp import Mailer, Security
from plugin.common.clock import utc_now
from plugin.errors import ConfigError
from plugin.resilience.quota import SharedQuota
from plugin.resilience.token_store import LedgerStore

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.dialler import DiallerAccount
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger


#: What the name of a dialler's account begins with.
DIALLER_PREFIX = "dialler:"


def connector_of(settings: Settings) -> Connector:
    """The account that plugin.toml names, not connected to a ledger. Raises ConfigError."""
    try:
        kind = connector_class(settings.crm.connector)
    except LookupError as error:
        raise ConfigError(f"[crm] connector: {error}") from error
    return kind(settings.crm.settings)


def connect(connector: Connector, ledger: Ledger) -> None:
    """Give an account what it shares with the ledger's other processes: its quota, and what it keeps."""
    connector.keep_in(LedgerStore(ledger, connector.name, connector.limits(), utc_now))
    connector.share_quota(SharedQuota(ledger, connector.name, connector.limits(), utc_now))


def dialler_account_name(name: str) -> str:
    """What a dialler's account is called in the ledger: its breaker, its quota, what it keeps."""
    return f"{DIALLER_PREFIX}{name}"


def connect_dialler(account: DiallerAccount, name: str, ledger: Ledger) -> None:
    """Give a dialler's account what it shares with the ledger's other processes."""
    called = dialler_account_name(name)
    account.keep_in(LedgerStore(ledger, called, account.limits(), utc_now))
    account.share_quota(SharedQuota(ledger, called, account.limits(), utc_now))


def mailer_of(settings: Settings) -> Mailer | None:
    """The plugin's own mail server, None where plugin.toml names none."""
    smtp = settings.smtp
    if smtp is None:
        return None
    return Mailer(
        smtp.host,
        smtp.port,
        smtp.sender,
        cast(Security, smtp.security),
        smtp.user,
        smtp.password,
        smtp.timeout_seconds,
        ca_file=smtp.ca_file,
        ehlo_name=smtp.ehlo_name,
        reply_to=smtp.reply_to,
    )
