"""Building environments and data without a service, and without a trace in random numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tinker
import torch


class NoService:
    """Stands where a service's client is wanted that is never asked: clients of judges, opponents.

    Whatever is called on it gives it back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return NoService()

    def __call__(self, *args: Any, **kwargs: Any) -> NoService:
        return self


@contextmanager
def without_service() -> Iterator[None]:
    """While the block lasts, no client reaches a service: measuring spends nothing."""
    replaced: Any = tinker
    before = replaced.ServiceClient
    replaced.ServiceClient = NoService
    try:
        yield
    finally:
        replaced.ServiceClient = before


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave the random numbers that a run will draw as they were."""
    before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.random.set_rng_state(before[2])
