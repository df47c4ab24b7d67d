"""Notes the requests that the service failed to answer while an evaluator is at work.

Inspect and others go on without the examples that failed, and give the score of the rest.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tinker

from recipe_runner.loops.replaced import replaced

# Not the request's own fault: the service is busy, at fault, or was restarted and has forgotten.
_OF_THE_SERVICE = (
    http.HTTPStatus.NOT_FOUND,
    http.HTTPStatus.GONE,
    http.HTTPStatus.TOO_MANY_REQUESTS,
)


@contextmanager
def unanswered() -> Iterator[list[tinker.APIError]]:
    """Yield a list that is filled, while the block lasts, with what requests for samples raised."""
    found: list[tinker.APIError] = []
    with replaced(tinker.SamplingClient, "_sample_async_impl", _noting(found)):
        yield found


def _noting(found: list[tinker.APIError]) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        async def sample(self: tinker.SamplingClient, *args: Any, **named: Any) -> Any:
            try:
                return await original(self, *args, **named)
            except tinker.APIError as error:
                if _is_the_services(error):
                    found.append(error)
                raise

        return sample

    return wrap


def _is_the_services(error: tinker.APIError) -> bool:
    if not isinstance(error, tinker.APIStatusError):
        return True  # no connection, no answer in time
    status: int = error.status_code
    return status in _OF_THE_SERVICE or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR
