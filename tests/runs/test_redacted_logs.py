"""What libraries log of a service's words has no key in it, whatever handler takes it."""

from __future__ import annotations

import io
import logging

from recipe_runner.runs.redacted_logs import redacted_logs

KEY = "tml-canary-of-the-logs"


def logged(*words: object, error: Exception | None = None) -> str:
    """What a handler that was there before writes of a line of a library's."""
    out = io.StringIO()
    logger = logging.Logger("library")
    logger.addHandler(logging.StreamHandler(out))
    with redacted_logs():
        logger.error(*words, exc_info=error)
    return out.getvalue()


def test_a_key_is_taken_out_of_a_message_and_of_what_is_put_into_it() -> None:
    assert logged(f"sent {KEY}") == "sent [redacted]\n"
    assert logged("sent %s to %d", KEY, 7) == "sent [redacted] to 7\n"
    assert logged("%(key)s", {"key": KEY}) == "[redacted]\n"


def test_a_key_is_taken_out_of_an_error_with_its_causes() -> None:
    error = RuntimeError("refused")
    error.__cause__ = ValueError(f"said back {KEY}")
    text = logged("failed", error=error)
    assert "said back [redacted]" in text
    assert "RuntimeError: refused" in text
    assert KEY not in text


def test_a_line_that_cannot_be_made_has_no_key_either() -> None:
    assert logged("%d", KEY) == "%d ('[redacted]',)\n"


def test_other_lines_are_as_they_were() -> None:
    before = logging.getLogRecordFactory()
    with redacted_logs():
        record = logging.Logger("library").makeRecord("l", 20, "f", 1, "%s", ("a",), None)
    assert (record.msg, record.args, record.exc_text) == ("%s", ("a",), None)
    assert logging.getLogRecordFactory() is before
