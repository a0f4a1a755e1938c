"""What the commands that change the active rules share: the page before, the yes wanted, and what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from plugin.errors import ApprovalNeeded, RulesConflict, RulesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugin.authoring.revisions.publish import ReadyRules
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

BAD_INPUT = 2
_YES = ("да", "д", "yes", "y")


def show(ledger: Ledger, ready: ReadyRules, *, calls: bool = True) -> tuple[str, ...]:
    """Print what the change would come to; why a yes is wanted."""
    from plugin.authoring.revisions.candidate import ChangeKind
    from plugin.cli.format.rules import report_told
    from plugin.cli.format.rules_outlook import page
    from plugin.common.clock import utc_now
    from plugin.operations.outlook import outlook

    candidate, passed = ready.candidate, ready.checked
    found = outlook(ledger, candidate, passed.rulebook, now=utc_now(), calls=calls)
    lines = [] if candidate.kind is ChangeKind.ROLLBACK else list(report_told(passed.report, passed.cases))
    lines += page(candidate, found)
    if lines:
        click.echo("\n".join(lines))
    return found.demands


def show_shadow(ledger: Ledger, revision: str, settings: Settings) -> None:
    """Print what the revision came to as a shadow, where it was one."""
    from plugin.authoring.shadow.records import newest_shadow, report_of
    from plugin.cli.format.rules_shadow import evidence

    if not ledger.exists() or ledger.schema().pending:
        return
    with ledger.read() as connection:
        shadow = newest_shadow(connection, revision)
        page = settings.source_of(settings.page.source).recorded_as
        told = evidence(report_of(connection, shadow, page) if shadow else None, settings.timezone)
    if told:
        click.echo("\n".join(told))


def is_wanted(demands: tuple[str, ...], yes: bool) -> bool:
    """Whether it is to be done: nothing wants a yes, or it was given with ``--yes`` or is given now."""
    if not demands or yes:
        return True
    if sys.stdin.isatty():
        answer = click.prompt("Продолжить? (да/нет)", default="нет", err=True)
        return str(answer).strip().casefold() in _YES
    click.echo("Если так и задумано, повторите команду с --yes.", err=True)
    return False


def refusing(ledger: Ledger, do: Callable[[], int], *, reverting: bool = False) -> int:
    """Run ``do``; rules that may not go live are told on stderr together with what stays active. The exit status."""
    from plugin.cli.format.rules_publish import conflict_told

    try:
        status = do()
    except RulesConflict as error:
        click.echo("\n".join(conflict_told(error, reverting=reverting)), err=True)
    except (RulesError, ApprovalNeeded) as error:
        click.echo(_told(error), err=True)
    else:
        if status == 0:
            return 0
    click.echo(still(ledger), err=True)
    return BAD_INPUT


def _told(error: RulesError | ApprovalNeeded) -> str:
    from plugin.common.terminal import paragraph

    if isinstance(error, RulesError):
        return str(error)
    return "\n".join([*paragraph(f"{error.message}."), *paragraph(error.hint or "", 2)])


def still(ledger: Ledger) -> str:
    """That nothing was changed, and what stays active."""
    from plugin.authoring.revisions.archive import newest_activation

    active = None
    if ledger.exists():
        with ledger.read() as connection:
            active = newest_activation(connection)
    stays = "активных правил по-прежнему нет" if active is None else f"активной остаётся редакция {active.revision}"
    return f"Не опубликовано: {stays}."


def go_live(
    ledger: Ledger,
    ready: ReadyRules,
    settings: Settings,
    signed: tuple[str, str],
    *,
    yes: bool,
    emergency: bool = False,
) -> int:
    """Show it, ask where that is wanted, do it and tell what came of it. The exit status."""
    from plugin.authoring.revisions.candidate import ChangeKind
    from plugin.authoring.revisions.publish import make_active
    from plugin.cli.format.rules_publish import done_told
    from plugin.ledger.audit import Actor

    demands = show(ledger, ready, calls=ready.candidate.kind is not ChangeKind.ROLLBACK)
    show_shadow(ledger, ready.revision, settings)
    if not is_wanted(demands, yes):
        return BAD_INPUT
    actor = Actor.signed(*signed)
    done = make_active(ledger, ready, actor, approvals=settings.approvals, emergency=emergency)
    click.echo("\n".join(done_told(done, settings.timezone)))
    return 0


def bring_folder_along(ledger: Ledger, settings: Settings, *, wanted: bool) -> None:
    """Merge what is active now into the rules folder where that is ``wanted``, else tell how to get its files."""
    from plugin.authoring.revisions.archive import newest_activation
    from plugin.authoring.revisions.follow import follow_active
    from plugin.cli.format.rules_publish import conflict_told
    from plugin.common.terminal import paragraph

    if not wanted:
        with ledger.read() as connection:
            active = newest_activation(connection)
        assert active is not None
        click.echo("Папка правил не изменилась; взять файлы этой редакции:")
        click.echo(f"  optout rules export {active.revision} ПАПКА")
        return
    try:
        why = follow_active(ledger, settings.rules_dir).left_behind
    except RulesConflict as error:
        click.echo("\n".join([*conflict_told(error, command="merge"), "Папка правил не изменилась."]), err=True)
        return
    told = "Папка правил приведена к тому, что активно." if why is None else f"! Папка правил осталась прежней: {why}."
    click.echo("\n".join(paragraph(told)))
