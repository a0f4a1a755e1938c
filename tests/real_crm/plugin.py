"""The plugin on the real CRM as a process of its own, by the profile that comes along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_crm.crm import RealCrm
from tests.support.home import lay_out
from tests.support.plugin import SECRET, RunningPlugin, plugin_at

_SETTINGS = """
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

"""

COORDINATOR = "coordinator@dealer.example"
SMS_MANAGER = "sms.manager@dealer.example"


@contextmanager
def plugin_on(crm: RealCrm, url: str, mail_port: int, home: Path) -> Iterator[RunningPlugin]:
    """Run it for the length of the block; it reaches the CRM at ``url``."""
    lay_out(home, _SETTINGS.format(crm=url), (crm.coordinator, crm.sms_manager), mail_port=mail_port)
    with plugin_at(home, {"OPTOUT_CRM_TOKEN": crm.token, "OPTOUT_WEBHOOK_SECRET": SECRET}) as plugin:
        yield plugin
