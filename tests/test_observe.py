"""Log lines without secrets, and counters."""

import base64
import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from framework.observe import (
    LOGGER_NAMES,
    Metrics,
    RedactingFilter,
    Redactor,
    configure_logging,
    get_logger,
    redactor,
)

SECRET = "sk_test_51Hfoo+bar/baz"


@pytest.fixture(autouse=True)
def restored_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGER_NAMES]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    configure_json(False)


def configure_json(as_json: bool) -> io.StringIO:
    stream = io.StringIO()
    configure_logging("INFO", as_json=as_json, stream=stream)
    return stream


@pytest.mark.parametrize(
    "key",
    [
        "Authorization",
        "Stripe-Signature",
        "client_secret",
        "access_token",
        "api_key",
        "x-api-key",
        "Set-Cookie",
    ],
)
def test_a_value_under_a_telling_name_is_masked(key: str) -> None:
    assert Redactor().value({key: "plain as day", "order": "42"}) == {key: "***", "order": "42"}


def test_masking_reaches_into_nested_values_and_pairs_of_headers() -> None:
    event = {"request": {"headers": [("cookie", "a=b"), (b"X-Signature", b"abc"), ("accept", "json")]}}
    assert Redactor().value(event) == {
        "request": {"headers": [["cookie", "***"], ["X-Signature", "***"], ["accept", "json"]]}
    }


def test_numbers_are_shown_even_where_the_name_tells() -> None:
    assert Redactor().value({"total_tokens": 17}) == {"total_tokens": 17}


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        "sk_test_51Hfoo%2Bbar%2Fbaz",
        base64.b64encode(SECRET.encode()).decode(),
        f"https://example.org/hooks/{SECRET}/run",
    ],
)
def test_a_registered_secret_is_masked_wherever_and_however_it_is_written(spelling: str) -> None:
    redacting = Redactor()
    redacting.register(SECRET)
    masked = str(redacting.value({"note": f"before {spelling} after", "deep": [{"x": (spelling,)}]}))
    assert spelling not in masked
    assert SECRET not in masked
    assert "before" in masked
    assert "after" in masked


def test_a_short_value_does_not_blacken_every_line() -> None:
    redacting = Redactor()
    redacting.register("a")
    assert redacting.text("a banana") == "a banana"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("DeepL-Auth-Key 1234-5678:fx", "1234-5678:fx"),
        ("GET https://b.example/x?X-Amz-Signature=aeeed9bb&part=1", "aeeed9bb"),
        ('{"client_secret": "pi_1_secret_2"}', "pi_1_secret_2"),
    ],
)
def test_credentials_are_recognised_inside_text(text: str, masked: str) -> None:
    assert masked not in Redactor().text(text)


def test_text_without_secrets_stays_as_it_is() -> None:
    text = "The token bucket of stripe is empty until 12:00; order=42"
    assert Redactor().text(text) == text


def test_a_log_line_is_masked_even_when_nobody_configured_logging(caplog: pytest.LogCaptureFixture) -> None:
    redactor.register("hunter2-hunter2")
    with caplog.at_level(logging.INFO, logger="anything"):
        get_logger("anything").info("call.sent", url="https://x/?k=hunter2-hunter2", token="t0ps3cret")
    assert "call.sent" in caplog.text
    assert "hunter2" not in caplog.text
    assert "t0ps3cret" not in caplog.text


def test_a_logged_exception_is_masked_too() -> None:
    redactor.register("hunter2-hunter2")
    stream = configure_json(False)
    try:
        raise ValueError("cannot use hunter2-hunter2")
    except ValueError:
        get_logger("framework.test").exception("call.broke")
    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_lines_can_be_json() -> None:
    stream = configure_json(True)
    get_logger("framework.test").info("call.sent", attempt=2, api_key="k")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["attempt"], line["api_key"], line["level"]) == ("call.sent", 2, "***", "info")


def test_lines_for_people_are_one_line_of_pairs() -> None:
    stream = configure_json(False)
    get_logger("framework.test").info("call.sent", attempt=2, request={"a": 1})
    (line,) = stream.getvalue().splitlines()
    assert "event=call.sent" in line
    assert "attempt=2" in line


def test_lines_below_the_level_are_not_printed() -> None:
    stream = configure_json(False)
    get_logger("framework.test").debug("call.sent")
    assert stream.getvalue() == ""


def test_lines_of_other_libraries_are_masked_by_the_filter() -> None:
    record = logging.LogRecord("httpx", logging.INFO, "", 0, "GET %s", ("https://x/?token=abcdef",), None)
    assert RedactingFilter().filter(record)
    assert "abcdef" not in record.getMessage()


def test_counters_are_told_apart_by_their_labels() -> None:
    metrics = Metrics()
    metrics.count("calls", integration="stripe")
    metrics.count("calls", 2, integration="deepl", code='say "hi"')
    metrics.count("ticks")
    assert metrics.value("calls", integration="stripe") == 1
    assert metrics.value("calls") == 0
    assert metrics.snapshot() == {
        r'calls{code="say \"hi\"",integration="deepl"}': 2,
        'calls{integration="stripe"}': 1,
        "ticks": 1,
    }


def test_no_count_is_lost_between_threads() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(1_000):
            metrics.count("ticks")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.snapshot() == {"ticks": 8_000}
