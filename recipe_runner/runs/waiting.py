"""Why a run waits for its service: read off each request that Tinker's SDK sends.

The SDK tries again for minutes, or for ever, and says so in debug logs at best. Here each attempt
is seen as it ends: refused for now (429, 5xx, 402), without a connection, or put off by the
service's queue. What lasts longer than a moment goes to `Status.waiting`, and to events.jsonl.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.redaction import redacted

if TYPE_CHECKING:
    import httpx

# What is over sooner is no news.
SHOWN_AFTER_S = 2.0
# The SDK gives a request a minute; one that is taken at once is answered within a second.
_SLOW_S = 15.0
_TICK_S = 0.25
_LONGEST_PAUSE_S = 10.0
# The SDK's own pauses are at most 30 s; what it has not tried again by then, it has given up.
_GIVEN_UP_AFTER_S = 90.0

_POLL = "retrieve_future"
# What the SDK sends on the side, at its own pace.
_IN_THE_BACKGROUND = ("telemetry", "session_heartbeat", "dynamic_config")
_PAUSED = {
    "paused_rate_limit": "the service has paused this run: too many runs at once",
    "paused_capacity": "the service has paused this run: it is short of capacity",
}


@contextmanager
def shown_waiting(status: Status, run: RunDirectory) -> Iterator[None]:
    """Keep `status.waiting` true to what the SDK's requests meet, until the block ends."""
    requests = Requests()
    stop = threading.Event()

    def follow() -> None:
        since: float | None = None
        while not stop.wait(_TICK_S):
            waiting = requests.waiting()
            if waiting is not None and since is None:
                since = time.monotonic()
                _on_record(run, "waiting", reason=waiting)
            elif waiting is None and since is not None:
                _on_record(run, "going on", waited_s=round(time.monotonic() - since, 1))
                since = None
            status.waiting, status.waiting_since = waiting, since
        status.waiting = status.waiting_since = None

    thread = threading.Thread(target=follow, name="waiting", daemon=True)
    thread.start()
    try:
        with _seen_by(requests):
            yield
    finally:
        stop.set()
        thread.join()


def _on_record(run: RunDirectory, event: str, **details: object) -> None:
    with contextlib.suppress(OSError):  # a full disk ends the run elsewhere, with words
        run.add_event(event, **details)


@dataclass
class _Trouble:
    words: str
    since: float
    latest: float
    times: int = 1


@dataclass
class Requests:
    """What became of the latest requests, by endpoint; one that is answered clears its own."""

    clock: Callable[[], float] = time.monotonic
    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    _open: dict[object, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, endpoint: str, request: object) -> None:
        with self._lock:
            if endpoint != _POLL:
                self._open[request] = self.clock()

    def ended(self, endpoint: str, request: object, trouble: str | None) -> int:
        """Note how a request ended; return how often in a row this endpoint was in trouble."""
        with self._lock:
            self._open.pop(request, None)
            if trouble is None:
                self._troubles.pop(endpoint, None)
                return 0
            known = self._troubles.get(endpoint)
            if known is None:
                self._troubles[endpoint] = _Trouble(trouble, self.clock(), self.clock())
                return 1
            known.words, known.latest, known.times = trouble, self.clock(), known.times + 1
            return known.times

    def waiting(self) -> str | None:
        """Return why the run waits, none while it does not."""
        with self._lock:
            now = self.clock()
            lasting = [
                each
                for each in self._troubles.values()
                if now - each.since >= SHOWN_AFTER_S and now - each.latest < _GIVEN_UP_AFTER_S
            ]
            if lasting:
                return max(lasting, key=lambda trouble: trouble.latest).words
            if any(now - since >= _SLOW_S for since in self._open.values()):
                return "the service has not answered a request yet"
            return None


@contextmanager
def _seen_by(requests: Requests) -> Iterator[None]:
    """Show each attempt of the SDK's HTTP client to `requests`."""
    from tinker import _base_client

    client = _base_client.AsyncHttpxClientWrapper
    send = client.send

    async def watched(self: Any, request: httpx.Request, **options: Any) -> httpx.Response:
        endpoint = request.url.path.rpartition("/")[2]
        if endpoint in _IN_THE_BACKGROUND:
            return await send(self, request, **options)
        requests.sent(endpoint, request)
        try:
            response = await send(self, request, **options)
        except asyncio.CancelledError:
            requests.ended(endpoint, request, None)
            raise
        except Exception as error:
            requests.ended(endpoint, request, _lost(error))
            raise
        times = requests.ended(endpoint, request, _refused(response))
        if endpoint == _POLL and response.status_code >= 500:
            # The SDK would ask again at once, thousands of times a minute.
            await asyncio.sleep(min(0.1 * 2 ** min(times, 10), _LONGEST_PAUSE_S))
        return response

    client.send = watched
    try:
        yield
    finally:
        client.send = send


def _lost(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "the service does not answer; trying again"
    return "no connection to the service; trying again"


def _refused(response: httpx.Response) -> str | None:
    """Return why a request has to wait, none if it is answered for good or for bad.

    The service's own words are in it, without a key should it say one back.
    """
    reason = _reason(response)
    return None if reason is None else redacted(reason)[0]


def _reason(response: httpx.Response) -> str | None:
    status = response.status_code
    if status == http.HTTPStatus.REQUEST_TIMEOUT:
        return _queued(response)
    if status == http.HTTPStatus.PAYMENT_REQUIRED:
        return f"the service answers 402: {_detail(response)}"
    if status in (http.HTTPStatus.CONFLICT, http.HTTPStatus.TOO_MANY_REQUESTS) or status >= 500:
        return f"the service answers {status} ({response.reason_phrase or 'no reason given'})"
    return None


def _queued(response: httpx.Response) -> str | None:
    """Return why the service's queue holds a result back, none while it is at work on it."""
    body = _body(response)
    paused = _PAUSED.get(str(body.get("queue_state")))
    reason = body.get("queue_state_reason")
    return f"the service has paused this run: {reason}" if paused and reason else paused


def _detail(response: httpx.Response) -> str:
    body = _body(response)
    return str(body.get("detail") or body.get("message") or "payment required")


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
