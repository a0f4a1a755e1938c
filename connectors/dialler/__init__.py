"""A dialler that keeps a list of numbers which it must not call, described in TOML alone: in, out, and is it in.

Built on the ``rest`` connector's descriptions; those that come along stand in ``profiles/``.
"""

from connectors.dialler.account import DiallerAccount
from connectors.dialler.settings import DiallerSettings

__all__ = ["DiallerAccount", "DiallerSettings"]
