"""A run's bill is found by its id, where the service has one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tinker import types

from recipe_runner.backends.billing import Bill, bill_in, bill_of
from recipe_runner.backends.local.launch import RunningServer

HOUR = datetime(2026, 1, 1, 10, tzinfo=UTC)


def event(session: str | None, usd: float | None) -> types.BillingUsageEvent:
    return types.BillingUsageEvent(
        bucket_start=HOUR,
        bucket_end=HOUR.replace(hour=11),
        session_id=session,
        estimated_cost_usd=usd,
        event_info=types.TrainingBillingEvent(token_count=10),
    )


def response(*events: types.BillingUsageEvent) -> types.BillingUsageResponse:
    sessions = {
        "mine": types.BillingUsageSession(user_metadata={"recipe_run_id": "a-run"}),
        "too": types.BillingUsageSession(user_metadata={"recipe_run_id": "a-run"}),
        "other": types.BillingUsageSession(user_metadata={"recipe_run_id": "another"}),
        "bare": types.BillingUsageSession(user_metadata=None),
    }
    return types.BillingUsageResponse(data=list(events), sessions=sessions)


def test_the_sessions_of_the_run_are_summed() -> None:
    found = response(
        event("mine", 0.5), event("too", 0.25), event("other", 9), event("bare", 9), event(None, 9)
    )
    assert bill_in(found, "a-run") == Bill(usd=0.75, complete=True)


def test_what_has_no_price_yet_makes_it_incomplete() -> None:
    assert bill_in(response(event("mine", 0.5), event("mine", None)), "a-run") == Bill(0.5, False)
    assert bill_in(response(event("mine", None)), "a-run") is None
    assert bill_in(response(), "a-run") is None


def test_a_service_that_does_not_tell_is_no_error(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_BASE_URL", server.url)
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    assert bill_of("a-run", HOUR, HOUR.replace(hour=13)) is None
