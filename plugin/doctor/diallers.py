"""The doctor's points of the diallers that the suppression list is pushed to: the account, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from connectors.dialler import DiallerAccount, DiallerSettings
from plugin.doctor.checks import DoctorCheck
from plugin.promise.push_list import plan_push, push_counts
from plugin.resilience.connect import connect_dialler

if TYPE_CHECKING:
    from plugin.config.settings import PushedDialler, Settings
    from plugin.ledger import Ledger


def dialler_secrets(settings: Settings) -> Iterator[Mapping[str, str]]:
    """The settings of each dialler that are marked as secret."""
    if not settings.diallers:
        return
    marked = {name for name, one in DiallerSettings().fields.items() if one.metadata.get("secret")}
    for dialler in settings.diallers:
        yield {key: value for key, value in dialler.settings.items() if key in marked and isinstance(value, str)}


def dialler_points(dialler: PushedDialler, ledger: Ledger | None) -> Iterator[DoctorCheck]:
    """What the dialler answers, and how far its list is. Raises LedgerUnavailable."""
    area = f"dialler {dialler.name}"
    account = DiallerAccount(dialler.settings)
    try:
        if ledger is not None:
            connect_dialler(account, dialler.name, ledger)
        for point in account.check():
            yield DoctorCheck(area, point.name, point.ok, "" if point.ok else point.remedy)
    finally:
        account.close()
    if ledger is None:
        return
    with ledger.read() as connection:
        counts, plan = push_counts(connection, dialler.name), plan_push(connection, dialler)
    name = f"its list holds what is excluded from {dialler.scope}: {counts.held} numbers, {counts.open} on their way"
    how = f"optout suppression push {dialler.name}"
    if counts.parked:
        yield DoctorCheck(area, name, ok=False, remedy=f"It refused {counts.parked} numbers: {how} tells why")
    elif plan.add or plan.remove:
        lacks = f"{plan.add} numbers were never pushed, {plan.remove} not taken out: {how} --yes"
        yield DoctorCheck(area, name, ok=False, remedy=lacks)
    else:
        yield DoctorCheck(area, name)
