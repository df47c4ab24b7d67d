"""Telling a service that is full from one that refuses the run."""

from __future__ import annotations

import http
import re

from recipe_runner.errors import chain

# "maximum of 8 concurrent LoRA adapters", "too many active training sessions", "at capacity".
_AT_ONCE = re.compile(
    r"\b(concurren\w*|simultaneous\w*|active|at once|at the same time|in parallel|in use)\b", re.I
)
_WHAT = re.compile(r"\b(lora|adapter|model|session|client|training run|sampler|request)s?\b", re.I)
_TOO_MANY = re.compile(r"\b(limit|max\w*|too many|exceed\w*|at most|cap|quota|no more)\b", re.I)
_FULL = re.compile(r"\b(at|over|out of|insufficient|no) capacity\b", re.I)


def is_limit(error: BaseException) -> bool:
    """Whether an error means that the service serves too many at once, and another time may do."""
    return any(_is_limit(each) for each in chain(error))


def _is_limit(error: BaseException) -> bool:
    if not hasattr(error, "request") and not hasattr(error, "status_code"):
        return False  # not the service's own words
    if getattr(error, "status_code", None) == http.HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return says_limit(str(error))


def says_limit(words: str) -> bool:
    """Whether a service's words are of a limit on how much is there at once."""
    if _FULL.search(words):
        return True
    return all(pattern.search(words) for pattern in (_AT_ONCE, _WHAT, _TOO_MANY))
