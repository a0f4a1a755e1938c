"""Publishing a draft: one page with its check, cases, the change in words and past calls, and the reason."""

from __future__ import annotations

from collections.abc import Sequence

from flask import redirect, request, url_for

from plugin.common.digest import json_digest
from plugin.console.rules_desk import OpenedRules
from plugin.console.rules_publishing import agreed_by, merge_draft, publish_draft, untested_scripts, waiting
from plugin.console.rules_shadow import draft_shadow, let_beside, stop_beside
from plugin.errors import ApprovalNeeded, InputError, RulesError
from plugin.web.console.access import ADMIN, RULES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, visitor
from plugin.web.console.rules_shared import back_to, opened_rules, past_of, period_asked, refusing, room, script_page


def ready(services: ConsoleServices, script: str) -> Answer:
    """What publishing would do."""
    return _page(services, script)


def publish(services: ConsoleServices, script: str) -> Answer:
    """Do it."""
    opened = opened_rules(services, script)
    if request.form.get("version") != str(opened.draft.version if opened.draft else ""):
        return _page(services, script, 409, "Черновик с тех пор изменился. Посмотрите ещё раз, что будет опубликовано.")
    demands = _demands(services, opened)
    if demands and request.form.get("sure") != json_digest(demands):
        return _page(services, script, 422, "Сначала подтвердите, что так и задумано.", demands)
    try:
        publish_draft(
            room(services).desk,
            opened,
            visitor().operator,
            request.form.get("reason", ""),
            approvals=services.settings.approvals,
            emergency=request.form.get("emergency") == "yes",
        )
    except ApprovalNeeded:
        told = "Отправлено на согласование. Когда другой администратор согласует, откройте эту страницу и опубликуйте."
        return _page(services, script, 202, told)
    except RulesError as error:
        faults = "; ".join(f"{one.where}: {one.what}" for one in error.faults[:5])
        return _page(services, script, 422, f"Не опубликовано: {faults}")
    except InputError as error:
        return _page(services, script, 422, str(error))
    return redirect(url_for("console.rules_history", done="yes"), 303)


def merge(services: ConsoleServices, script: str) -> Answer:
    """Bring the draft up to what was published meanwhile; fields in conflict are shown with both values."""
    opened = opened_rules(services, script)
    conflicts = merge_draft(room(services).desk, opened, request.form.get("keep", ""))
    if conflicts:
        return script_page("rules/merge.html", opened, request.form.get("here", ""), 409, conflicts=conflicts)
    return back_to(script)


def beside(services: ConsoleServices, script: str) -> Answer:
    """Let the draft decide live calls beside the active rules, or stop what does."""
    own, opened = room(services), opened_rules(services, script)
    if request.form.get("act") == "stop":
        stop_beside(own.desk, visitor().operator)
        return back_to(script, "beside")
    compiled = own.effects.of(opened).compiled
    if compiled is None:
        raise InputError("Сначала исправьте ошибки", hint="Пока они есть, правила ничего не решат")
    let_beside(own.desk, compiled, visitor().operator)
    return back_to(script, "beside")


def _demands(services: ConsoleServices, opened: OpenedRules) -> Sequence[str]:
    """Why a yes is wanted before these rules are published; what cannot be published anyhow wants none."""
    if opened.is_outdated or not opened.differs:
        return ()
    return room(services).effects.demands(opened, period_asked(services))


def _page(
    services: ConsoleServices, script: str, status: int = 200, notice: str = "", demands: Sequence[str] = ()
) -> Answer:
    """``demands``: all of them; on a first look those of past calls may not be known yet."""
    opened = opened_rules(services, script)
    own = room(services)
    effect, looked = own.effects.of(opened), past_of(services, opened)
    demands = demands or looked["demands"]
    desk, revision = own.desk, effect.compiled.rulebook.revision if effect.compiled else ""
    review = next((one for one in waiting(desk) if one.revision == revision), None)
    source = services.settings.source_of(services.settings.page.source).recorded_as
    return script_page(
        "rules/publish.html",
        opened,
        "rules_publish",
        status,
        notice=notice,
        effect=effect,
        shadow=draft_shadow(own.desk, effect.compiled, source) if effect.compiled else None,
        untested=untested_scripts(opened),
        **(looked | {"demands": demands}),
        # A yes is to these reasons: to others that came up since, it is none.
        yes=json_digest(demands),
        approvals=services.settings.approvals,
        may_publish=visitor().role in ADMIN,
        review=review,
        agreed=agreed_by(desk, review) if review else (),
        reason=request.form.get("reason") or (review.reason if review else ""),
    )


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules/script/<script>/publish", "rules_publish", refusing(ready), RULES, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/merge", "rules_merge", refusing(merge), RULES, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/publish", "rules_published", refusing(publish), ADMIN, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/beside", "rules_beside", refusing(beside), ADMIN, "rules"),
)
