"""What the SDK's requests meet becomes one reason to wait, and none once they go on."""

from __future__ import annotations

import json

import httpx
import pytest
import tinker
from tinker.types import RequestErrorCategory

from recipe_runner.backends.local.launch import LaunchError
from recipe_runner.runs.lost import what_may_pass
from recipe_runner.runs.waiting import SHOWN_AFTER_S, Requests, _refused

REQUEST = httpx.Request("POST", "http://127.0.0.1:9/api/v1/asample")


def response(status: int, body: object = None) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body).encode(), request=REQUEST)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(429), "answers 429"),
        (response(503), "answers 503"),
        (response(402, {"detail": "add a card"}), "402: add a card"),
        (response(408, {"queue_state": "paused_capacity"}), "short of capacity"),
        (
            response(408, {"queue_state": "paused_rate_limit", "queue_state_reason": "8 LoRAs"}),
            "8 LoRAs",
        ),
        (response(408, {"queue_state": "active"}), None),
        (response(200), None),
        (response(404), None),
    ],
)
def test_an_answer_is_a_reason_to_wait_or_none(answer: httpx.Response, words: str | None) -> None:
    found = _refused(answer)
    assert (found is None) if words is None else (found is not None and words in found)


@pytest.mark.parametrize(
    "body",
    [
        {"queue_state": "paused_capacity", "queue_state_reason": "too much of tml-canary-of-mine"},
        {"detail": "no money for tml-canary-of-mine"},
    ],
)
def test_a_key_in_the_services_words_is_not_a_reason(body: dict[str, str]) -> None:
    found = _refused(response(402 if "detail" in body else 408, body))
    assert found is not None
    assert found.endswith("[redacted]")


def test_what_lasts_is_shown_until_the_same_endpoint_answers() -> None:
    now = [100.0]
    requests = Requests(clock=lambda: now[0])
    requests.sent("asample", 1)
    requests.ended("asample", 1, "the service answers 429")
    assert requests.waiting() is None  # it may be over in a moment
    now[0] += SHOWN_AFTER_S
    requests.ended("optim_step", 2, None)
    assert requests.waiting() == "the service answers 429"
    requests.ended("asample", 3, None)
    assert requests.waiting() is None
    requests.sent("forward_backward", 4)
    now[0] += 60
    assert requests.waiting() == "the service has not answered a request yet"
    requests.ended("forward_backward", 4, None)
    assert requests.waiting() is None


def status_error(status: int, path: str, words: str = "no") -> tinker.APIStatusError:
    request = httpx.Request("POST", f"http://127.0.0.1:9/api/v1/{path}")
    return tinker.APIStatusError(words, response=httpx.Response(status, request=request), body=None)


def wrapped(error: Exception) -> Exception:
    """Return an error as the SDK raises it for a future: another one's cause."""
    outer = ValueError("Error retrieving result")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (tinker.APIConnectionError(request=REQUEST), True),
        (status_error(503, "optim_step"), True),
        (status_error(429, "create_model"), True),
        (wrapped(status_error(404, "retrieve_future")), True),
        (status_error(404, "create_model", "no session 'x'"), True),
        (status_error(410, "asample"), True),
        (ExceptionGroup("tasks", [ValueError("x"), status_error(404, "optim_step")]), True),
        (
            tinker.RequestFailedError("x", request_id="1", category=RequestErrorCategory.Server),
            True,
        ),
        (LaunchError("killed", killed=True), True),
        (LaunchError("torch is missing"), False),
        (status_error(404, "create_model", "unknown model"), False),
        (status_error(404, "load_weights", "no such checkpoint"), False),
        (status_error(401, "asample"), False),
        (status_error(400, "forward_backward"), False),
        (
            tinker.RequestFailedError("x", request_id="1", category=RequestErrorCategory.User),
            False,
        ),
        (ZeroDivisionError(), False),
    ],
)
def test_what_time_may_mend_is_told_from_a_refusal(error: Exception, passes: bool) -> None:
    assert (what_may_pass(error) is not None) == passes
