"""One real mail to each admin and one signed request to the webhook: what no dialogue without them can prove."""

from __future__ import annotations

import secrets

from connectors.base import Done, Outcome
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.delivery.texts import message_id
from plugin.doctor.checks import DoctorReport
from plugin.monitoring.webhook import AlertWebhook
from plugin.resilience.connect import mailer_of

_AREA = "alerts"
#: What the admins read.
_SUBJECT = "Проверка связи"
_TEXT = (
    "Это письмо отправила команда optout doctor --write: оповещения плагина приходят на этот адрес.\n"
    "Делать ничего не нужно.\n"
)


def try_alerts(settings: Settings, report: DoctorReport, now: Now) -> None:
    """Send both, each a point. Never raises."""
    mailer, smtp = mailer_of(settings), settings.smtp
    subject = f"[{settings.manifest.id}] {_SUBJECT}"
    if mailer is not None and smtp is not None:
        for number, address in enumerate(settings.alerts.to, 1):
            mail_id = message_id(secrets.token_hex(32), smtp.sender)
            _note(
                report,
                f"a whole mail to admin {number} is accepted (DATA)",
                mailer.send(address, subject, _TEXT, mail_id),
            )
    url, secret = settings.alerts.webhook, settings.alerts.webhook_secret
    if url and secret:
        moment = now().isoformat()
        data = {"plugin": settings.manifest.id, "subject": subject, "text": _TEXT}
        event = {"type": "alert.test", "timestamp": moment, "data": data}
        outcome = AlertWebhook(url, secret, now).send(f"alert_{secrets.token_hex(16)}", event)
        _note(report, "the webhook's receiver takes a signed request", outcome)


def _note(report: DoctorReport, name: str, outcome: Outcome) -> None:
    if isinstance(outcome, Done):
        report.holds(_AREA, name)
    else:
        report.fails(_AREA, name, outcome.why)
