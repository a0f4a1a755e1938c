"""A backlog of calls whose events bring only the card's id: how many requests of each CRM's API a call costs."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import structlog

from benchmarks.measure import Row, ratio
from tests.connectors.contract.backlog import CALLS, MOST, requests_a_call


def requests() -> list[Row]:
    """By CRM, against servers that behave as its documentation says."""
    # The table is what is to be read, not thousands of deliveries.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
            return [_row(name, Path(folder), most) for name, most in MOST.items()]
    finally:
        structlog.reset_defaults()


def _row(name: str, folder: Path, most: float) -> Row:
    return ratio(f"{name}: requests a call, {CALLS:,} calls", requests_a_call(name, folder), f"<= {most:g}", most=most)
