"""The plugin on the real CRM as a process of its own, by the profile that comes along."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_crm.crm import RealCrm
from tests.support.crm import ROOT
from tests.support.plugin import SECRET, RunningPlugin

_SETTINGS = """
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[ledger]
url = "sqlite:///ledger.db"

[crm]
connector = "rest"

[crm.rest]
profile = "bottlecrm"
base_url = "{crm}/api"
token = {{ env = "OPTOUT_CRM_TOKEN" }}
time_zone = "Europe/Moscow"
constants = {{ site = "https://crm.example.org" }}
connect_seconds = 2.0
read_seconds = 20.0
settling_seconds = 1.0
requests_per_second = 100
burst = 100

[sources.telephony]
secrets = [{{ env = "OPTOUT_WEBHOOK_SECRET" }}]

[delivery]
poll_seconds = 0.1
first_wait_seconds = 0.2
longest_wait_seconds = 1.0
probe_seconds = 0.3
lease_margin_seconds = 1.0

[smtp]
host = "127.0.0.1"
port = {mail}
sender = "opt-out@dealer.example"
timeout_seconds = 3.0
"""

COORDINATOR = "coordinator@dealer.example"
SMS_MANAGER = "sms.manager@dealer.example"


@contextmanager
def plugin_on(crm: RealCrm, url: str, mail_port: int, home: Path) -> Iterator[RunningPlugin]:
    """Run it for the length of the block; it reaches the CRM at ``url``."""
    shutil.copytree(ROOT / "rules", home / "rules")
    roles = (home / "rules/roles.toml").read_text(encoding="utf-8")
    roles = re.sub(r'crm_user = "coordinator"', f'crm_user = "{crm.coordinator}"', roles)
    roles = re.sub(r'crm_user = "sms.manager"', f'crm_user = "{crm.sms_manager}"', roles)
    (home / "rules/roles.toml").write_text(roles.replace("@example.org", "@dealer.example"), encoding="utf-8")
    (home / "plugin.toml").write_text(_SETTINGS.format(crm=url, mail=mail_port), encoding="utf-8")
    environ = {"OPTOUT_CRM_TOKEN": crm.token, "OPTOUT_WEBHOOK_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    plugin = RunningPlugin(home, os.environ | environ)
    plugin.start()
    try:
        yield plugin
    finally:
        plugin.stop()
