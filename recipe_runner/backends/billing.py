"""What hosted Tinker says it has billed for a run, found by the run's id in its sessions.

The bill lags by up to some hours, and only an organization's admins may see it, so that no answer
is the rule right after a run; `recipe_run_id` is in the sessions' metadata for whoever looks later.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinker.types import BillingUsageResponse

# The key in a session's metadata that says which run it was made for.
RUN_ID = "recipe_run_id"

_PATIENCE_S = 10.0
# The service gives no more at once.
_LONGEST_WINDOW = timedelta(days=14)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bill:
    """What was billed so far.

    Attributes:
        usd: before credits.
        complete: whether everything that is listed has a price yet.
    """

    usd: float
    complete: bool


def bill_of(run_id: str, started: datetime, ended: datetime) -> Bill | None:
    """Ask for a run's bill; none where the service has none yet, or does not tell this key."""
    import concurrent.futures

    import tinker

    first = max(_hour(started), _hour(ended) - _LONGEST_WINDOW + timedelta(hours=1))
    try:
        client = tinker.AdminClient()
        answer = client.get_billing_usage(first, _hour(ended) + timedelta(hours=1))
        return bill_in(answer.result(timeout=_PATIENCE_S), run_id)
    except (tinker.TinkerError, concurrent.futures.TimeoutError, TimeoutError) as error:
        _logger.info("no bill: %s", error)
        return None


def bill_in(response: BillingUsageResponse, run_id: str) -> Bill | None:
    """Return what a response has of a run; none where that is nothing."""
    sessions = {
        key
        for key, each in response.sessions.items()
        if (each.user_metadata or {}).get(RUN_ID) == run_id
    }
    costs = [each.estimated_cost_usd for each in response.data if each.session_id in sessions]
    known = [cost for cost in costs if cost is not None]
    return Bill(usd=sum(known), complete=len(known) == len(costs)) if known else None


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
