"""The Cookbook's trees of rollouts, `iteration_*/*_logtree.json`, without white space between them.

The Cookbook indents them, which makes six times the bytes and needs the encoder that is written in
Python: of a loop with short replies, a third of its own processor time. What reads them does not
see the difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinker_cookbook.stores.training_store import TrainingRunStore

from recipe_runner.loops.replaced import replaced

_TREE = "_logtree.json"

Write = Callable[..., None]


@contextmanager
def compact_trees() -> Iterator[None]:
    """Write trees so while the block lasts."""
    with replaced(TrainingRunStore, "_write_json", _writing_compactly):
        yield


def _writing_compactly(original: Write) -> Write:
    def write(store: TrainingRunStore, data: dict[str, Any], *parts: str) -> None:
        if not parts[-1].endswith(_TREE):
            original(store, data, *parts)
            return
        text = json.dumps(data, separators=(",", ":"))
        store.storage.write(store._path(*parts), text.encode())

    return write
