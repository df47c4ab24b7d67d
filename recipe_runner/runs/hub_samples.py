"""Data sets of the hub, for a preflight where the hub cannot be reached.

`samples/<owner>--<name>/[<config>.]<split>.jsonl` are rows written for this project in the columns
of the data set they stand for. Only a preflight uses them, and says so; a run never does.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SAMPLES = Path(__file__).parent / "samples"
_PROBE_SECONDS = 3.0
_MARK = "sample of recipe-run"


@lru_cache(maxsize=1)
def hub_is_reachable() -> bool:
    """Whether the hub answers on its port; asked once, for at most three seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname or ""
    try:
        socket.create_connection((host, 443), timeout=_PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def sample_file(dataset: str, config: str | None = None, split: str = "train") -> Path | None:
    """Return the sample that stands for a split of a hub data set, if the project has one."""
    directory = SAMPLES / dataset.replace("/", "--")
    name = split.partition("[")[0]
    candidates = [f"{config}.{name}.jsonl"] if config else []
    found = (directory / candidate for candidate in [*candidates, f"{name}.jsonl"])
    return next((path for path in found if path.is_file()), None)


@contextmanager
def hub_samples() -> Iterator[list[str]]:
    """While the block lasts, `datasets.load_dataset` gives samples for what the hub does not.

    Yields the data sets that samples stood for, a list that grows.
    """
    used: list[str] = []
    if hub_is_reachable():
        yield used
        return
    import datasets

    load_dataset, config_names = datasets.load_dataset, datasets.get_dataset_config_names

    def load(path: str, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if not _stands_for(path):
            return load_dataset(path, name, *args, **kwargs)
        if path not in used:
            used.append(path)
        return _load_sample(path, name or kwargs.get("data_dir"), **kwargs)

    def names(path: str, *args: Any, **kwargs: Any) -> list[str]:
        return _configs(path) if _stands_for(path) else config_names(path, *args, **kwargs)

    with ExitStack() as stack:
        stack.enter_context(_replaced(load_dataset, load))
        stack.enter_context(_replaced(config_names, names))
        stack.enter_context(_rows_left(datasets.Dataset))
        stack.enter_context(_kept_out_of_caches(datasets.Dataset))
        yield used


def _stands_for(path: str) -> bool:
    return not Path(path).exists() and (SAMPLES / str(path).replace("/", "--")).is_dir()


def _load_sample(path: str, name: str | None, **kwargs: Any) -> Any:
    import datasets

    split, streaming = kwargs.get("split"), bool(kwargs.get("streaming"))
    splits = [str(split)] if split is not None else _splits(path, name)
    files = {each: sample_file(path, name, each) for each in splits}
    missing = [each for each, file in files.items() if file is None]
    if missing or not files:
        raise FileNotFoundError(f"no sample of {path} for the split {', '.join(missing)}")
    loaded = {
        each: datasets.Dataset.from_json(str(file), cache_dir=_cache())
        for each, file in files.items()
    }
    for dataset in loaded.values():
        dataset.info.description = _MARK
    if streaming:
        loaded = {each: dataset.to_iterable_dataset() for each, dataset in loaded.items()}
    return loaded[str(split)] if split is not None else datasets.DatasetDict(loaded)


def _splits(path: str, name: str | None) -> list[str]:
    directory = SAMPLES / path.replace("/", "--")
    stems = [file.stem for file in sorted(directory.glob("*.jsonl"))]
    own = [stem.removeprefix(f"{name}.") for stem in stems if name and stem.startswith(f"{name}.")]
    return own or [stem for stem in stems if "." not in stem]


@lru_cache(maxsize=1)
def _cache() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="recipe-run-samples-")


def _configs(path: str) -> list[str]:
    """Configurations that the sample has; one without names is the hub's `default`."""
    stems = {file.stem for file in (SAMPLES / path.replace("/", "--")).glob("*.jsonl")}
    return sorted({stem.rpartition(".")[0] or "default" for stem in stems})


@contextmanager
def _rows_left(dataset_class: Any) -> Iterator[None]:
    """Let `skip` leave a sample its rows where it would skip them all.

    The Cookbook's builders set the first 1,024 rows aside for the test; of a sample, test and
    training then get the same rows.
    """
    skip = dataset_class.skip

    def skip_some(self: Any, n: int) -> Any:
        return self if self.info.description == _MARK and n >= len(self) else skip(self, n)

    dataset_class.skip = skip_some
    try:
        yield
    finally:
        dataset_class.skip = skip


@contextmanager
def _kept_out_of_caches(dataset_class: Any) -> Iterator[None]:
    """Let no sample be saved: Inspect AI keeps what it loads, and a later run would read that."""
    save = dataset_class.save_to_disk

    def save_real(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.info.description != _MARK:
            save(self, *args, **kwargs)

    dataset_class.save_to_disk = save_real
    try:
        yield
    finally:
        dataset_class.save_to_disk = save


@contextmanager
def _replaced(original: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Put `other` wherever a loaded module holds the original under its own name."""
    name = original.__name__
    _rename(original, other, name)
    try:
        yield
    finally:
        _rename(other, original, name)


def _rename(held: Callable[..., Any], other: Callable[..., Any], name: str) -> None:
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is held:
            setattr(module, name, other)
