"""Running requests behind futures: answers, failures and the tasks that make them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from functools import partial
from typing import Any

from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.futures import FutureStore, Payload
from recipe_runner.backends.local.http_errors import ApiError
from recipe_runner.backends.local.sessions import Registry
from recipe_runner.refused import in_words

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Work = Callable[[], Awaitable[Payload]]


def json_payload(value: Answer) -> Payload:
    return Payload(json.dumps(value).encode())


class Jobs:
    """Starts work and resolves its future. Lives on one event loop."""

    def __init__(self, registry: Registry, futures: FutureStore) -> None:
        self._registry = registry
        self._futures = futures
        self._tasks: set[asyncio.Task[None]] = set()

    def knows(self, key: Hashable) -> bool:
        """Whether `submit` would answer with an earlier submission's request id."""
        return self._futures.find(key) is not None

    def submit(self, key: Hashable, owner: str, work: Work) -> Answer:
        """Start work at once; a repeated submission gets the first one's request id."""
        request_id = self._futures.find(key)
        if request_id is None:
            request_id = self._futures.open(key, owner)
            self.spawn(self._finish(request_id, work))
        return {"request_id": request_id}

    def in_order(self, model_id: str, seq_id: int, work: Work) -> Answer:
        """Queue a model's work by sequence number; repeated submissions as in `submit`."""
        model = self._registry.model(model_id)
        model.last_request = time.time()
        key = ("train", model_id, seq_id)
        request_id = self._futures.find(key)
        if request_id is None:
            model.sequencer.check(seq_id)
            request_id = self._futures.open(key, model.session_id)
            model.sequencer.submit(seq_id, partial(self._finish, request_id, work))
        return {"request_id": request_id, "model_id": model_id}

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # The event loop itself keeps only weak references to tasks.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    async def _finish(self, request_id: str, work: Work) -> None:
        try:
            payload = await work()
        except (EngineError, ApiError) as error:
            payload = json_payload({"error": str(error), "category": "user"})
        except OSError as error:
            logger.exception("request %s failed", request_id)
            payload = json_payload({"error": _cannot_write(error), "category": "user"})
        except asyncio.CancelledError:
            payload = json_payload(
                {"error": "the model or its session was closed", "category": "user"}
            )
            self._futures.resolve(request_id, payload)
            raise
        except Exception as error:
            logger.exception("request %s failed", request_id)
            text = f"{type(error).__name__}: {error}"
            payload = json_payload(
                {"error": f"fault in the local backend: {text}", "category": "server"}
            )
        self._futures.resolve(request_id, payload)


def _cannot_write(error: OSError) -> str:
    """Say what keeps a checkpoint from disk; to try again at once, as for a fault, is no use."""
    return (
        f"the local backend has no place for its checkpoints: {in_words(error)}, then give the "
        "same command again"
    )
