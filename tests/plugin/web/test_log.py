"""What is logged says nothing about a client: no phone, name or word of theirs, whoever logs it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from plugin.common.log import mask_phone, mask_text, set_up_logging, warnings_only
from plugin.config.settings import LogSettings
from plugin.errors import InputError
from plugin.service.log_settings import log_as


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    set_up_logging(json_lines=True, stream=stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def line(stream: io.StringIO) -> dict[str, object]:
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    loaded: dict[str, object] = json.loads(lines[0])
    return loaded


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+79161234567", "***4567"),
        ("8 (916) 123-45-67", "***4567"),
        ("+380501234567", "***4567"),
        ("12345", "***45"),
        ("", "***"),
    ],
)
def test_a_phone_keeps_its_ends_only(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    "phone",
    [
        *("+79161234567", "+7 916 123-45-67", "+7 (916) 123 45 67", "+7(916)1234567", "89161234567", "8 916 123 45 67"),
        *("8-916-123-45-67", "79161234567", "9161234567", "916 123-45-67", "+380501234567", "380501234567"),
        *("+44 20 7946 0958", "+7\u00a0916\u00a0123-45-67"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "звонок с {}, снова", "/contacts/{}?x=1", "tel:{};", '{{"phone": "{}"}}'])
def test_a_phone_is_found_in_any_text_and_notation(phone: str, around: str) -> None:
    masked = mask_text(around.format(phone))
    assert phone not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-22T10:15:00+03:00", "2026-11-22 10:15:00.123456", "evt-1", "127.0.0.1:8080", "16 of 20 done"),
        *("550e8400-e29b-41d4-a716-446655440000", "a3f9161234567b", "9f86d081884c7d659a2feaa0c55ad015", "1795340450"),
        *("c-77", "0.000512345678", "http://127.0.0.1:45371/events", "1.5e-05"),
    ],
)
def test_what_is_no_phone_stays_readable(text: str) -> None:
    assert mask_text(text) == text


def test_values_are_masked_by_their_keys_at_any_depth(stream: io.StringIO) -> None:
    structlog.get_logger("plugin.test").info(
        "event.taken",
        phone="+79161234567",
        note="просила не звонить",
        call={"id": "c-77", "client_name": "Тестова Анна", "phones": ["+79161234567"]},
        facts={"related_to_car": True, "client_name": "Тестова Анна"},
        cards=[{"name": "Тестова Анна", "url": "https://crm/89161234567"}],
        attempts=3,
        late=False,
    )
    logged = line(stream)
    for personal in ("Анна", "9161234567", "просила"):
        assert personal not in stream.getvalue()
    assert logged["phone"] == "***4567"
    assert logged["facts"] == {"related_to_car": "***", "client_name": "***"}
    assert (logged["attempts"], logged["late"], logged["level"]) == (3, False, "info")
    assert str(logged["timestamp"]).endswith("Z")
    assert logged["logger"] == "plugin.test"


def test_other_libraries_log_through_the_same_mask(stream: io.StringIO) -> None:
    logging.getLogger("a.library").warning("retrying %s for %s", "+7 916 123-45-67", {"phone": "89161234567"})
    assert "45-67" not in stream.getvalue()
    assert "9161234567" not in stream.getvalue()
    assert line(stream)["level"] == "warning"


def test_a_traceback_is_searched_too(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("no card for +79161234567")

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")
    logged = line(stream)
    assert "ValueError: ***" in str(logged["exception"])


def test_messages_of_foreign_exceptions_are_hidden_along_the_whole_chain(stream: io.StringIO) -> None:
    name, words = (f"{word} Тестова" for word in ("Анна", "просила"))

    def fail() -> None:
        try:
            try:
                raise KeyError(name)
            except KeyError:
                raise LookupError(words)  # noqa: B904
        except LookupError as error:
            raise InputError("facts: no such fact") from error

    try:
        fail()
    except InputError:
        structlog.get_logger().exception("failed")
    told = str(line(stream)["exception"])
    assert not any(word in told for word in (name, words))
    kinds = ["KeyError: ***", "LookupError: ***", "plugin.errors.InputError: facts: no such fact"]
    assert [kind for kind in kinds if kind in told] == kinds
    assert "in fail" in told


def test_an_exception_group_is_hidden_member_by_member(stream: io.StringIO) -> None:
    said = "Анна"
    try:
        raise ExceptionGroup(said, [ValueError(said), TypeError()])
    except ExceptionGroup as error:
        structlog.get_logger().error("failed", exc_info=error)
    told = str(line(stream)["exception"])
    assert said not in told
    assert "ExceptionGroup: ***" in told
    assert told.endswith("TypeError")


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("card of %s not found, %d tries", ("Анна Тестова", 3), "card of *** not found, 3 tries"),
        ("%(who)s said %(what)r", ({"who": "Анна", "what": "нет"},), "*** said '***'"),
        ("100% wrong", ("Анна",), "100% wrong"),
        ("%s and %s", ("Анна",), "%s and %s"),
        ("nothing is filled in: 100%", (), "nothing is filled in: 100%"),
    ],
)
def test_what_libraries_fill_into_their_messages_is_hidden(
    stream: io.StringIO, message: str, arguments: tuple[object, ...], told: str
) -> None:
    logging.getLogger("a.library").warning(message, *arguments)
    assert line(stream)["event"] == told


def test_an_operators_name_is_hidden(stream: io.StringIO) -> None:
    structlog.get_logger().info("page.opened", operator="ivanova", call={"operator": "ivanova"})
    assert "ivanova" not in stream.getvalue()


def test_characters_that_turn_or_hide_text_are_written_out(stream: io.StringIO) -> None:
    structlog.get_logger().info("events.refused", why="card \u202egnp.exe\u200b\x1b[31m")
    assert line(stream)["why"] == "card \\u202egnp.exe\\u200b\\u001b[31m"


@pytest.mark.parametrize(
    "phone",
    ["495 123-45-67", "495.123.45.67", "+7.916.123.45.67", "8.916.123.45.67", "(495) 123-45-67", "(49622) 5-12-34"],
)
def test_at_most_four_digits_of_a_number_are_left(phone: str) -> None:
    masked = mask_text(f"звонок с {phone}, снова")
    assert len([sign for sign in masked if sign.isdigit()]) <= 4


def test_a_terminal_gets_lines_for_people(stream: io.StringIO) -> None:
    set_up_logging(json_lines=False, stream=stream)
    structlog.get_logger().info("serve.listening", url="http://127.0.0.1:8080")
    assert "serve.listening" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


# --- as plugin.toml says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "begins", "events"),
    [
        (LogSettings(), "{", ["quiet", "loud"]),
        (LogSettings("json", "warning"), "{", ["loud"]),
        (LogSettings("console", "info"), "2", ["quiet", "loud"]),
        (LogSettings("console", "error"), "", []),
    ],
)
def test_services_log_in_the_form_and_from_the_level_of_plugin_toml(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str], log: LogSettings, begins: str, events: list[str]
) -> None:
    log_as(log)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    logging.getLogger("a.library").debug("never")
    out, err = capsys.readouterr()
    assert (out, err[:1]) == ("", begins)
    assert [event for event in ("quiet", "loud", "never") if event in err] == events


def test_a_command_that_prints_logs_warnings_only_and_puts_back_what_was(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings_only():
        structlog.get_logger().info("rules.activated")
        structlog.get_logger().warning("events.refused", phone="+79161234567")
    out, err = capsys.readouterr()
    assert (out, "rules.activated" in err, "events.refused" in err) == ("", False, True)
    assert "9161234567" not in err
    assert stream.getvalue() == ""
    structlog.get_logger().info("as before")
    assert line(stream)["event"] == "as before"


def test_what_is_put_back_after_a_command_may_be_nothing() -> None:
    structlog.reset_defaults()
    with warnings_only():
        assert structlog.is_configured()
    assert not structlog.is_configured()


def test_what_operators_do_is_logged_without_their_reasons_and_without_clients(stream: io.StringIO) -> None:
    log = structlog.get_logger("plugin.operations")
    log.info("operations.deliveries", act="retry", by="иванова", count=3, steps={"sends": 3})
    log.info("operations.replayed", call="c-77", by="иванова", before="a", after="b", note="Анна, 8 916 123-45-67")
    log.info("operations.purged", by="delivery loop", calls=5, older_than_days=365.0)
    for personal in ("Анна", "123-45-67"):
        assert personal not in stream.getvalue()
    assert [json.loads(one)["event"] for one in stream.getvalue().splitlines()] == [
        "operations.deliveries",
        "operations.replayed",
        "operations.purged",
    ]
