"""A home of the plugin for a test: the shipped rules filled by the CRM's users, and a plugin.toml that waits little."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.support.processes import ROOT

#: The mails of roles go here where a test's mail server takes them in.
DOMAIN = "dealer.example"

_PLUGIN = """
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[ledger]
url = "{ledger}"
"""
_DELIVERY = """
[delivery]
poll_seconds = 0.1
first_wait_seconds = 0.2
longest_wait_seconds = 1.0
probe_seconds = 0.3
lease_margin_seconds = 1.0
"""
_SMTP = """
[smtp]
host = "127.0.0.1"
port = {port}
sender = "opt-out@{domain}"
timeout_seconds = 3.0
"""


def lay_out(
    home: Path,
    settings: str,
    users: tuple[str, str],
    *,
    mail_port: int | None = None,
    ledger: str = "sqlite:///ledger.db",
) -> None:
    """Make the folder. ``settings`` are the tables of the CRM and whatever else; ``users`` are the CRM's ids.

    These are of the survey coordinator, who is the supervisor too, and the SMS manager. Without ``mail_port`` the CRM
    sends their mails.
    """
    shutil.copytree(ROOT / "rules", home / "rules")
    path = home / "rules" / "roles.toml"
    roles = path.read_text(encoding="utf-8")
    for shipped, user in zip(("coordinator", "sms.manager", "supervisor"), (*users, users[0]), strict=True):
        roles = re.sub(rf'crm_user = "{re.escape(shipped)}"', f'crm_user = "{user}"', roles)
    if mail_port is None:
        roles = roles.replace('email = "smtp"', 'email = "crm"')
    path.write_text(roles.replace("@example.org", f"@{DOMAIN}"), encoding="utf-8")
    smtp = "" if mail_port is None else _SMTP.format(port=mail_port, domain=DOMAIN)
    text = "\n".join([_PLUGIN.format(ledger=ledger), settings, _DELIVERY, smtp])
    (home / "plugin.toml").write_text(text, encoding="utf-8")
