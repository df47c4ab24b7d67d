"""Checkpoints on a service, by their `tinker://` paths: list, download, publish, delete."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.backends import hosted
from recipe_runner.backends.connection import Connection
from recipe_runner.backends.reaching import reached
from recipe_runner.backends.web import web_alone
from recipe_runner.errors import BackendError, RunFailed, UsageError
from schemas.backend import Backend

if TYPE_CHECKING:
    import tinker

_PAGE = 100
_HEADER_BYTES = 8


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint as the service describes it.

    Attributes:
        kind: `training` (to train on from), `sampler` (to sample from) or `external` (files).
        expires: None where it is kept.
    """

    path: str
    kind: str
    saved: datetime
    size_bytes: int | None
    public: bool
    expires: datetime | None


@contextmanager
def open_service(backend: Backend, store: Path) -> Iterator[Service]:
    """Reach a service for the length of the block; the local one is started on its store.

    Raises:
        BackendError: if it cannot be reached.
        UsageError: if there is no local store.
    """
    if backend == "local" and not store.is_dir():
        raise UsageError(f"{store} does not exist: no local run has left a checkpoint there")
    with reached(backend, store) as connection, _key(connection):
        yield Service(connection)


@contextmanager
def _key(connection: Connection) -> Iterator[None]:
    """Give the SDK a connection's own key, through the one way that the Cookbook leaves."""
    if connection.api_key is None:
        yield
        return
    before = os.environ.get(hosted.KEY_VARIABLE)
    os.environ[hosted.KEY_VARIABLE] = connection.api_key
    try:
        yield
    finally:
        if before is None:
            del os.environ[hosted.KEY_VARIABLE]
        else:
            os.environ[hosted.KEY_VARIABLE] = before


class Service:
    """A service that has been reached. Methods raise what the SDK raises."""

    def __init__(self, connection: Connection) -> None:
        self._base_url = connection.base_url

    def checkpoints(self, training_runs: list[str] | None = None) -> list[Checkpoint]:
        """Return the checkpoints of some training runs, or all of the user's; oldest first."""
        import tinker

        rest = tinker.RestClient(base_url=self._base_url)
        if training_runs is None:
            found = _all_pages(rest)
        else:
            found = [c for run in training_runs for c in _of_training_run(rest, run)]
        return sorted(map(_checkpoint, found), key=lambda checkpoint: checkpoint.saved)

    def publish(self, path: str, *, public: bool) -> None:
        """Let others load a checkpoint, or take that back."""
        import tinker

        rest = tinker.RestClient(base_url=self._base_url)
        if public:
            rest.publish_checkpoint_from_tinker_path(path).result()
        else:
            rest.unpublish_checkpoint_from_tinker_path(path).result()

    def delete(self, path: str) -> None:
        """Delete a checkpoint for good."""
        import tinker

        rest = tinker.RestClient(base_url=self._base_url)
        rest.delete_checkpoint_from_tinker_path(path).result()

    def download(self, path: str, directory: Path) -> list[Path]:
        """Write a checkpoint's files into an empty directory, all of them or none.

        The Cookbook has the service export the weights, refuses names that lead out of the
        directory, and moves the files into place when all have arrived. Of weights for sampling it
        would unpack an archive, device files and all: they are refused.

        Raises:
            RunFailed: if the files cannot be had as the service names them.
            BackendError: if they are not whole, or the path has none.

        Returns:
            the files: of a LoRA, `adapter_model.safetensors` and `adapter_config.json`.
        """
        if "/sampler_weights/" in path:
            raise BackendError(f"{path} is to sample from and has no files; download the weights")
        from tinker_cookbook import weights
        from tinker_cookbook.exceptions import WeightsDownloadError

        try:
            with warnings.catch_warnings(), web_alone():
                warnings.simplefilter("ignore", FutureWarning)  # the Cookbook's use of the SDK
                weights.download(
                    tinker_path=path, output_dir=str(directory), base_url=self._base_url
                )
        except (WeightsDownloadError, OSError, ValueError) as error:
            raise RunFailed(f"{path} was not downloaded: {_with_cause(error)}") from error
        files = sorted(file for file in directory.rglob("*") if file.is_file())
        for file in files:
            if file.suffix == ".safetensors":
                check_whole(file)
        return files


def _with_cause(error: Exception) -> str:
    cause = error.__cause__
    return f"{error}" if cause is None else f"{error} ({cause})"


def check_whole(file: Path) -> None:
    """Check that a safetensors file is as long as its header says.

    Raises:
        BackendError: if it was cut short.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_HEADER_BYTES), "little")
        header = stream.read(length)
    try:
        tensors = json.loads(header)
        ends = [t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(f"{file} is not a whole safetensors file; download it again") from error
    if file.stat().st_size != _HEADER_BYTES + length + max(ends, default=0):
        raise BackendError(f"{file} was cut short; download it again")


def _all_pages(rest: tinker.RestClient) -> list[tinker.types.Checkpoint]:
    found: list[tinker.types.Checkpoint] = []
    while True:
        page = rest.list_user_checkpoints(limit=_PAGE, offset=len(found)).result().checkpoints
        found += page
        if len(page) < _PAGE:
            return found


def _of_training_run(rest: tinker.RestClient, run: str) -> list[tinker.types.Checkpoint]:
    """Return a training run's checkpoints; none where the service has forgotten it."""
    import tinker

    try:
        return rest.list_checkpoints(run).result().checkpoints
    except tinker.NotFoundError:
        return []


def _checkpoint(found: tinker.types.Checkpoint) -> Checkpoint:
    return Checkpoint(
        path=found.tinker_path,
        kind=found.checkpoint_type,
        saved=found.time,
        size_bytes=found.size_bytes,
        public=found.public,
        expires=found.expires_at,
    )


def training_run_of(path: str) -> str:
    """Return the training run that a checkpoint's path names."""
    return path.removeprefix("tinker://").partition("/")[0]
