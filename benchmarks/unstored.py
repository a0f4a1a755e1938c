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
from plugin.events.decide_call import DecidedCall, decide_event
from plugin.events.intake import Accept, Intake
from plugin.events.load_call import NewCall
from plugin.events.parse import ParsedEvent
from plugin.events.respond import EventResponse
from plugin.events.revision_cache import RevisionCache
from plugin.events.schema import CallResult
from plugin.ledger import Ledger
from plugin.web import WebServer, bind, create_app
from plugin.web.limits import BodyLimits


class UnstoredIntake(Intake):
    """Verifies, reads and decides as ever, and forgets."""

    def _commit(
        self, event: ParsedEvent, result: CallResult, revisions: RevisionCache, accept: Accept | None = None
    ) -> EventResponse:
        decided = decide_event(NewCall(1), event, result, revisions, self._settings)
        assert isinstance(decided, DecidedCall)
        answer = {"event": result.id, "call": result.call_id, "decision": decided.decision.to_json()}
        return EventResponse(202, answer)


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
    server = WebServer(app, listener, threads=settings.web.threads, limits=BodyLimits.of(settings.web))
    print(f"listening on {server.url}", flush=True)
    server.run(finish_within=1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
