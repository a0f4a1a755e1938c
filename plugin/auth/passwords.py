"""Passwords: storage as argon2id digests, and checks whose duration tells nothing."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from plugin.auth.hashing_process import HashingProcess
from plugin.auth.password_rules import LONGEST, check_rules

T = TypeVar("T")

#: At most so many are hashed at once in a process: each takes 64 MiB and several processors for a moment.
_AT_ONCE = 1
#: How far hashing stands back behind events; 19 is the farthest.
_NICE = 15
#: How long somebody waits for a turn, in seconds.
LONGEST_WAIT = 1.0


class PasswordsBusy(Exception):
    """Too many passwords are being checked: this one was not looked at."""


class Passwords:
    """Hashes and checks passwords. Thread-safe. ``hasher`` fixes argon2's parameters (those of RFC 9106 by default).

    ``apart``: in a process of its own, which takes nothing of the processors that this one wants; where that does not
    answer, in this one.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, apart: bool = False) -> None:
        self._hasher = hasher or PasswordHasher()
        self._process = HashingProcess(self._hasher) if apart else None
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._worker = ThreadPoolExecutor(_AT_ONCE, "passwords", _give_way)
        self._unknown = _digest_of_nothing(self._hasher)

    def hash(self, password: str) -> str:
        """The digest to keep, with parameters and salt.

        Raises InputError for a password that is not taken, and PasswordsBusy.
        """
        check_rules(password)
        normal = _normal(password)
        return self._in_turn(lambda process: process.hash(normal), lambda: self._hasher.hash(_bytes(normal)))

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password is that of the digest; ``None`` (no such user) takes as long, and is false.

        Raises PasswordsBusy.
        """
        digest = self._unknown if kept is None else kept
        normal = _normal(password[: LONGEST + 1])
        right = self._in_turn(lambda process: process.verify(digest, normal), lambda: self._is_right(digest, normal))
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether argon2's parameters have changed since: the password is to be hashed again."""
        return self._hasher.check_needs_rehash(kept)

    def _in_turn(self, apart: Callable[[HashingProcess], T | None], here: Callable[[], T]) -> T:
        """Have the process do it, else the thread that hashes; its caller waits for its turn no longer than agreed."""
        if not self._turns.acquire(timeout=LONGEST_WAIT):
            raise PasswordsBusy
        try:
            done = apart(self._process) if self._process is not None else None
            return self._worker.submit(here).result() if done is None else done
        finally:
            self._turns.release()

    def _is_right(self, digest: str, normal: str) -> bool:
        try:
            return self._hasher.verify(digest, _bytes(normal))
        except (VerificationError, InvalidHashError):
            return False


def _digest_of_nothing(hasher: PasswordHasher) -> str:
    """A digest that no password has; to check one against it takes as long as against any other of this hasher.

    It is not hashed itself, so that no process is slower to start.
    """
    sizes = (hasher.salt_len, hasher.hash_len)
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in sizes)
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _give_way() -> None:
    """Have this thread, and those that argon2 starts, leave the processors to whoever else wants them."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _normal(password: str) -> str:
    # The same password typed on another system may come in other code points.
    return unicodedata.normalize("NFC", password)


def _bytes(normal: str) -> bytes:
    return normal.encode("utf-8", "surrogatepass")
