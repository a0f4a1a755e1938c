"""What the page promises holds in Firefox as well: steps of the folder above, in the other browser."""

from __future__ import annotations

from tests.browser.test_going_back import (
    test_a_double_click_answers_one_question,
    test_a_hand_over_works_from_every_screen_and_tells_all_answers_without_an_alarm,
    test_a_key_pressed_twice_quickly_answers_one_question,
    test_a_reload_goes_on_where_it_was,
    test_an_end_confirmed_by_mistake_is_corrected,
    test_enter_after_a_hand_over_resumes_nothing,
)
from tests.browser.test_keys import (
    test_digits_work_wherever_they_come_from,
    test_letters_work_on_each_layout,
    test_while_an_answer_is_typed_letters_are_letters_until_esc,
)
from tests.browser.test_network import (
    test_a_confirmation_outlives_a_reload,
    test_cut_while_it_is_confirmed_it_is_taken_in_once,
    wired,
)
from tests.browser.test_waiting_confirmations import (
    operator,
    test_a_confirmation_leaves_from_the_form_when_its_tab_is_closed,
    test_a_confirmation_leaves_from_the_page_of_the_next_client,
    test_closing_a_tab_asks_only_while_something_waits,
    test_signed_in_again_in_another_tab_the_confirmation_leaves_within_five_seconds,
    test_signing_in_over_the_page_sends_what_waits,
    test_the_conversation_goes_on_without_a_session_and_answers_are_saved_once_there_is_one,
    test_where_the_browser_keeps_nothing_the_page_says_so,
)
from tests.browser.test_windows import test_two_tabs_show_the_same_and_the_other_one_is_told

__all__ = [
    "operator",
    "test_a_confirmation_leaves_from_the_form_when_its_tab_is_closed",
    "test_a_confirmation_leaves_from_the_page_of_the_next_client",
    "test_a_confirmation_outlives_a_reload",
    "test_a_double_click_answers_one_question",
    "test_a_hand_over_works_from_every_screen_and_tells_all_answers_without_an_alarm",
    "test_a_key_pressed_twice_quickly_answers_one_question",
    "test_a_reload_goes_on_where_it_was",
    "test_an_end_confirmed_by_mistake_is_corrected",
    "test_closing_a_tab_asks_only_while_something_waits",
    "test_cut_while_it_is_confirmed_it_is_taken_in_once",
    "test_digits_work_wherever_they_come_from",
    "test_enter_after_a_hand_over_resumes_nothing",
    "test_letters_work_on_each_layout",
    "test_signed_in_again_in_another_tab_the_confirmation_leaves_within_five_seconds",
    "test_signing_in_over_the_page_sends_what_waits",
    "test_the_conversation_goes_on_without_a_session_and_answers_are_saved_once_there_is_one",
    "test_two_tabs_show_the_same_and_the_other_one_is_told",
    "test_where_the_browser_keeps_nothing_the_page_says_so",
    "test_while_an_answer_is_typed_letters_are_letters_until_esc",
    "wired",
]
