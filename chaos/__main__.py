"""``python -m chaos``: calls, faults and kills, then the count; exits 1 unless nothing was lost and nothing doubled."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import NoReturn

from chaos.databases import KINDS, NoDatabase, ledger_url
from chaos.report import lines
from chaos.run import Result, run


def main(arguments: Sequence[str], play: Callable[..., Result] = run) -> int:
    """Run on each ledger by ``play``; 0 when every figure is as it must be, 1 otherwise. Raises NoDatabase."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10**6)
    kinds = KINDS if options.ledger == "both" else (options.ledger,)
    good = True
    for kind in kinds:
        with _folder(kind, options.keep) as folder, ledger_url(kind, folder) as url:
            result = play(kind, url, folder, calls=options.calls, kills=options.kills, seed=seed)
        print("\n".join(lines(result, seed)), flush=True)
        good = good and result.is_good
    if not good:
        again = f"--seed {seed} --calls {options.calls} --kills {options.kills} --ledger {options.ledger}"
        print(f"NOT as it must be. Again, with its logs kept: python -m chaos {again} --keep")
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--calls", type=_count, default=2000, metavar="N", help="calls reported (default: 2000)")
    parser.add_argument("--kills", type=_count, default=50, metavar="N", help="kills with -9 (default: 50)")
    parser.add_argument("--seed", type=int, metavar="N", help="of an earlier run: the same calls, kills and faults")
    parser.add_argument("--ledger", choices=(*KINDS, "both"), default="both", help="default: both, one by one")
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
