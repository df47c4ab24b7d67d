"""Log lines without keys: the SDK logs what a service says, and a service may say a key back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from recipe_runner.runs.redaction import redacted, redacted_traceback


@contextmanager
def redacted_logs() -> Iterator[None]:
    """While the block lasts, take what looks like a secret out of every record of `logging`.

    Here rather than in a handler: libraries have handlers of their own, and trackers watch them.
    """
    make = logging.getLogRecordFactory()

    def make_redacted(*fields: Any, **more: Any) -> logging.LogRecord:
        record = make(*fields, **more)
        text, secrets = redacted(_message(record))
        if secrets:
            record.msg, record.args = text, ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = redacted_traceback(record.exc_info[1]).rstrip("\n")
        return record

    logging.setLogRecordFactory(make_redacted)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit the text
        return f"{record.msg} {record.args}"
