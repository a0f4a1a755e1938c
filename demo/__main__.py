"""Plays every scene, prints what was heard, decided and written, and holds it against what the script says."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from demo.scenes import SCENES, Report, Scene
from demo.show import Printer
from demo.stage import LINK_HOURS, DemoFailed, Stage
from tests.support.crm import Reply
from tests.support.processes import NotStarted, poll

DELIVERY_SECONDS = 30.0
FINAL_STATES = {"done", "cancelled", "parked"}


def main() -> int:
    """Play the demo; 0 when all is as the script says."""
    signal.signal(signal.SIGTERM, _leave)
    keep = os.environ.get("KEEP") == "1"
    with tempfile.TemporaryDirectory(prefix="optout-demo-") as folder, Stage(Path(folder)) as stage:
        printer = Printer()
        wrong = sum(not _play(stage, scene, number, printer) for number, scene in enumerate(SCENES, 1))
        doubled = sum(not _holds(stage, scene) for scene in SCENES)
        printer.summary(len(SCENES), wrong, doubled)
        if keep:
            _keep_up(stage, printer)
    return 1 if wrong or doubled else 0


def _keep_up(stage: Stage, printer: Printer) -> NoReturn:
    """Stay until told to end; there is always a link that holds."""
    printer.addresses(stage)
    while True:
        threading.Event().wait(LINK_HOURS * 3600 / 2)
        printer.link(stage)


def _play(stage: Stage, scene: Scene, number: int, printer: Printer) -> bool:
    call = f"demo-{number}"
    printer.title(number, scene)
    last: dict[str, Any] = {}
    answered = True
    for count, report in enumerate(scene.reports, 1):
        if report.via == "crm":
            _write_into_crm(stage, scene, report, call)
            printer.written_into_crm()
            continue
        if report.via != "repeat":
            last = _event(scene, report, call, count)
        reply = stage.report(last, forged=report.via == "forged")
        printer.reply(report, reply)
        answered = answered and _as_expected(report, reply)
        if reply.data.get("deliveries"):
            poll(lambda: set(stage.deliveries(call)) <= FINAL_STATES, DELIVERY_SECONDS, 0.1)
    poll(lambda: _holds(stage, scene), DELIVERY_SECONDS, 0.1)
    right = answered and _holds(stage, scene)
    printer.crm(stage, scene)
    printer.verdict(right)
    return right


def _event(scene: Scene, report: Report, call: str, count: int) -> dict[str, Any]:
    return {
        "id": f"{call}-report-{count}",
        "occurred_at": datetime.now(UTC).isoformat(),
        "final": report.final,
        "call": {"id": call, "phone": scene.phone, "operator": "operator-1"},
        "card": {"type": "contact", "id": scene.card},
        "facts": report.facts,
    }


def _write_into_crm(stage: Stage, scene: Scene, report: Report, call: str) -> None:
    record = {"id": call, "phone": scene.phone, "card": scene.card, "operator": "operator-1", "facts": report.facts}
    stage.crm.send("POST", "calls", record | {"occurred_at": datetime.now(UTC).isoformat()})


def _as_expected(report: Report, reply: Reply) -> bool:
    return reply.status == report.status and (report.via != "repeat" or reply.data.get("duplicate") is True)


def _holds(stage: Stage, scene: Scene) -> bool:
    """Whether the CRM and the mailbox hold exactly what the scene says."""
    for card, holds in scene.cards.items():
        comments = [comment["text"].split("\n")[0] for comment in stage.crm.comments(card)]
        reminders = [
            (reminder["assignee"], reminder["subject"], reminder["state"])
            for reminder in stage.crm.reminders(card=card)
        ]
        if comments != list(holds.comments) or Counter(reminders) != Counter(holds.reminders):
            return False
    return Counter(stage.mails(scene.phone)) == Counter(scene.mails)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (DemoFailed, NotStarted) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
