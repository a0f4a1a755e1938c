"""Which of the claimed deliveries go to the CRM in one write: a decision's together, and under a backlog many calls'.

What may be in the CRM already, what takes something back and what goes by the mail server goes alone; and the more
often a delivery was tried in vain, the smaller its company, so that one that spoils every write ends up alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugin.delivery.fair_order import IN_COMPANY
from plugin.delivery.model import Delivery


def bundled(claimed: Sequence[Delivery], most: int) -> list[list[Delivery]]:
    """The deliveries in bundles of at most ``most``, in the order in which the first of each was claimed."""
    if most <= 1:
        return [[delivery] for delivery in claimed]
    # By company: the bundle that still has room, and where each decision's deliveries are.
    open_: dict[int, list[Delivery]] = {}
    found: list[list[Delivery]] = []
    for family in _families(claimed, most):
        company = _company(family[0], most)
        bundle = open_.get(company)
        if bundle is None or len(bundle) + len(family) > company:
            bundle = []
            found.append(bundle)
            open_[company] = bundle
        bundle.extend(family)
    return found


def _families(claimed: Sequence[Delivery], most: int) -> list[list[Delivery]]:
    """Deliveries of one decision and one company together, cut where they are too many."""
    families: dict[tuple[int, int], list[list[Delivery]]] = {}
    ordered: list[list[Delivery]] = []
    for delivery in claimed:
        company = _company(delivery, most)
        kin = families.setdefault((delivery.decision_ref, company), [])
        if company == 1 or not kin or len(kin[-1]) >= company:
            family: list[Delivery] = []
            kin.append(family)
            ordered.append(family)
        kin[-1].append(delivery)
    return ordered


def _company(delivery: Delivery, most: int) -> int:
    """How many may go together with this one, itself included."""
    if delivery.kind not in IN_COMPANY or delivery.sent_at is not None:
        return 1
    return max(1, most >> min(delivery.attempts, 30))
