"""Requests that the service does not answer are known, though an evaluator goes on without them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import tinker

from recipe_runner.loops.evaluators.unanswered import unanswered
from recipe_runner.runs.lost import what_may_pass

REQUEST = httpx.Request("POST", "http://127.0.0.1/api/v1/asample")


def refusal(status: int) -> tinker.APIStatusError:
    kinds = {400: tinker.BadRequestError, 404: tinker.NotFoundError, 429: tinker.RateLimitError}
    kind = kinds.get(status, tinker.InternalServerError)
    return kind("refused", response=httpx.Response(status, request=REQUEST), body=None)


@pytest.mark.parametrize(
    ("error", "noted"),
    [
        (refusal(404), True),
        (refusal(429), True),
        (refusal(503), True),
        (tinker.APIConnectionError(request=REQUEST), True),
        (refusal(400), False),
    ],
    ids=["404", "429", "503", "no connection", "400"],
)
def test_what_the_service_fails_to_answer_is_noted(
    monkeypatch: pytest.MonkeyPatch, error: tinker.APIError, noted: bool
) -> None:
    async def fail(self: tinker.SamplingClient) -> None:
        raise error

    monkeypatch.setattr(tinker.SamplingClient, "_sample_async_impl", fail)

    async def evaluator() -> dict[str, float]:
        with pytest.raises(tinker.APIError):
            await object.__new__(tinker.SamplingClient)._sample_async_impl()
        return {"accuracy": 1.0}

    with unanswered() as lost:
        asyncio.run(evaluator())
    assert lost == ([error] if noted else [])
    assert tinker.SamplingClient._sample_async_impl is fail
    # The run begins the evaluator again where time may mend it.
    assert all(what_may_pass(each) is each for each in lost)
