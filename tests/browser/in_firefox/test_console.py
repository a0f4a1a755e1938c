"""The console in Firefox: its main ways, and the editor of the rules, by the steps of the folder above."""

from __future__ import annotations

from tests.browser.test_console import (
    console,
    test_a_slash_goes_to_the_search_and_a_call_is_found_by_its_number,
    test_a_stopped_delivery_is_found_and_retried_by_keys_alone,
)
from tests.browser.test_rules_drafts import test_what_was_typed_is_kept_by_reload_back_and_a_second_tab
from tests.browser.test_rules_kept import (
    test_without_a_network_or_a_session_what_is_typed_waits_and_is_saved_by_itself,
    wired,
)
from tests.browser.test_rules_tasks import test_01_a_phrase_is_changed

__all__ = [
    "console",
    "test_01_a_phrase_is_changed",
    "test_a_slash_goes_to_the_search_and_a_call_is_found_by_its_number",
    "test_a_stopped_delivery_is_found_and_retried_by_keys_alone",
    "test_what_was_typed_is_kept_by_reload_back_and_a_second_tab",
    "test_without_a_network_or_a_session_what_is_typed_waits_and_is_saved_by_itself",
    "wired",
]
