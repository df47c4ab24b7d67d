"""Telling an error that time may mend from one that is certain to come again.

Time may mend: no connection, 429, 5xx, a fault on the service's side, and a service that no longer
knows what it gave this run itself (its session, model, samplers, results): it was restarted, or
ended the session. A refusal of what the recipe says stays a refusal.
"""

from __future__ import annotations

import http
import re

from recipe_runner.errors import chain

_TRANSIENT = (
    http.HTTPStatus.REQUEST_TIMEOUT,
    http.HTTPStatus.CONFLICT,
    http.HTTPStatus.TOO_MANY_REQUESTS,
)
_FORGOTTEN = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE)

# Requests about nothing but what the service itself gave out.
_OF_THE_RUN = re.compile(
    r"/(retrieve_futures?|forward_backward|forward|optim_step|save_weights|asample|get_info"
    r"|save_weights_for_sampler|session_heartbeat|samplers/[^/]+)$"
)
_SESSION = re.compile(r"\bsession\b", re.IGNORECASE)


def what_may_pass(error: BaseException) -> BaseException | None:
    """Return the error in a chain that the same run may get past when it is begun again."""
    return next((each for each in chain(error) if _may_pass(each)), None)


def _may_pass(error: BaseException) -> bool:
    import tinker
    from tinker.lib.retryable_exception import RetryableException
    from tinker.types import RequestErrorCategory

    from recipe_runner.backends.local.launch import LaunchError
    from recipe_runner.errors import ServiceLost

    if isinstance(error, tinker.APIStatusError):
        return _status_may_pass(error.status_code, error.request.url.path, str(error))
    if isinstance(error, tinker.RequestFailedError):
        return error.category is RequestErrorCategory.Server
    if isinstance(error, LaunchError):
        return error.killed
    return isinstance(error, ServiceLost | tinker.APIConnectionError | RetryableException)


def _status_may_pass(status: int, path: str, words: str) -> bool:
    if status in _TRANSIENT or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    return status in _FORGOTTEN and bool(_OF_THE_RUN.search(path) or _SESSION.search(words))
