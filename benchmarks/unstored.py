"""The same web server answering the same requests without storing anything: what the ledger's share is measured by."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.common.log import set_up_logging
from plugin.config.load import load_settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.classify import Classifier
from plugin.events.decide_call import RevisionCache
from plugin.events.intake import Intake
from plugin.events.preview import Accept
from plugin.events.request import Incoming
from plugin.events.responses import EventResponse
from plugin.events.schema import CallResult
from plugin.ledger import Ledger
from plugin.web import WebServer, bind, create_app


class UnstoredIntake(Intake):
    """Verifies, reads and decides as ever, and forgets."""

    def _commit(
        self, incoming: Incoming, result: CallResult, at_hand: RevisionCache, accept: Accept | None = None
    ) -> EventResponse:
        judge = Classifier(incoming.source, result, incoming.received, at_hand, self._settings)
        decision = judge._weighed(None, 1, []).weighed.decision
        return EventResponse(202, {"event": result.id, "call": result.call_id, "decision": decision.to_json()})


def main(home: Path) -> None:
    """Serve on a free port until killed."""
    settings = load_settings(home, os.environ)
    set_up_logging()
    ledger = Ledger(settings.ledger_url)
    ledger.upgrade()
    rules = ActiveRules(ledger, utc_now)
    rules.activate_first(Rulebook.load(settings.rules_dir), "bench", "first start")
    intake = UnstoredIntake(ledger, rules, settings, utc_now)
    app = create_app(intake, ledger, settings, rules, None)
    listener = bind("127.0.0.1", 0)
    server = WebServer(app, listener, threads=settings.web.threads, max_body_bytes=settings.web.max_body_bytes)
    print(f"listening on {server.url}", flush=True)
    server.run(finish_within=1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
