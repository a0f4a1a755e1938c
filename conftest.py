"""Cases of rules are tests like any other: ``pytest rules`` runs them."""

from tests.support.cases import pytest_collect_file

__all__ = ["pytest_collect_file"]
