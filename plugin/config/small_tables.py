"""Tables of plugin.toml that are read by themselves: how long data is kept, and who stamps the chain's heads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.smtp.certificates import unusable_certificates
from plugin.config.faults import FaultList
from plugin.config.settings import Retention, StampService


def retention_of(ledger: Mapping[str, Any]) -> Retention:
    """How long finished calls keep their personal data, by ``[ledger]``."""
    usual = Retention()
    return Retention(ledger.get("retention_days", usual.days), ledger.get("purge_daily", usual.daily))


def stamps_of(
    data: Mapping[str, Any], written: Mapping[str, Any], folder: Path, faults: FaultList, *, reads: bool
) -> StampService | None:
    """Who stamps, by ``[proof]`` of the file as it was understood and as it is ``written``; None where nobody does.

    A stamp that cannot be checked proves nothing, so that neither key goes without the other. ``reads``: the file of
    certificates is looked into.
    """
    proof = data.get("proof", {})
    for key, other in (("stamp_url", "stamp_ca_file"), ("stamp_ca_file", "stamp_url")):
        if key in proof and other not in written["proof"]:
            faults.add(("proof", key), f"given without {other}", "give both or neither")
    if not {"stamp_url", "stamp_ca_file"} <= set(proof):
        return None
    path = folder / Path(proof["stamp_ca_file"]).expanduser()
    if reads and (why := unusable_certificates(path)):
        faults.add(("proof", "stamp_ca_file"), f"the file {path} {why}", "name a file of certificates in PEM form")
    return StampService(proof["stamp_url"], path)
