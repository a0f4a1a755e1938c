"""``python -m chaos``: calls, faults and kills, then the count; exits 1 unless nothing was lost and nothing doubled."""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import NoReturn

from chaos.databases import KINDS, NoDatabase, ledger_url
from chaos.outages import run_outages
from chaos.report import lines
from chaos.run import Result, run

#: The CRMs that a run may be with. EspoCRM is read through and through again by what is missed, so it gets fewer calls.
PLAYS: Mapping[str, Callable[..., Result]] = {"embedded": run, "espocrm": run_outages}
_FEWER = {"espocrm": 10}


def main(arguments: Sequence[str], plays: Mapping[str, Callable[..., Result]] = PLAYS) -> int:
    """Run with each CRM on each ledger; 0 when every figure is as it must be, 1 otherwise. Raises NoDatabase."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10**6)
    kinds = KINDS if options.ledger == "both" else (options.ledger,)
    crms = tuple(plays) if options.crm == "both" else (options.crm,)
    good = True
    for crm, kind in itertools.product(crms, kinds):
        with _folder(f"{crm}-{kind}", options.keep) as folder, ledger_url(kind, folder) as url:
            calls = max(1, options.calls // _FEWER.get(crm, 1)) if options.calls else 0
            result = plays[crm](kind, url, folder, calls=calls, kills=options.kills, seed=seed)
        print("\n".join(lines(result, seed)), flush=True)
        good = good and result.is_good
    if not good:
        again = f"--seed {seed} --calls {options.calls} --kills {options.kills} --ledger {options.ledger}"
        again += "" if options.crm == "both" else f" --crm {options.crm}"
        print(f"NOT as it must be. Again, with its logs kept: python -m chaos {again} --keep")
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--calls", type=_count, default=2000, metavar="N", help="calls reported (default: 2000)")
    parser.add_argument("--kills", type=_count, default=50, metavar="N", help="kills with -9 (default: 50)")
    parser.add_argument("--seed", type=int, metavar="N", help="of an earlier run: the same calls, kills and faults")
    parser.add_argument("--ledger", choices=(*KINDS, "both"), default="both", help="default: both, one by one")
    parser.add_argument("--crm", choices=(*PLAYS, "both"), default="both", help="default: both, one by one")
    parser.add_argument("--keep", action="store_true", help="keep the ledger, the CRM's file and the logs")
    return parser


def _count(given: str) -> int:
    if not given.isdecimal():
        raise argparse.ArgumentTypeError("expected a whole number")
    return int(given)


@contextmanager
def _folder(kind: str, keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.gettempdir(), f"optout-chaos-{kind}-{time.strftime('%Y%m%d-%H%M%S')}")
        folder.mkdir()
        print(f"{kind}: files in {folder}", flush=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="optout-chaos-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(main(sys.argv[1:]))
    except NoDatabase as error:
        sys.exit(f"chaos: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
