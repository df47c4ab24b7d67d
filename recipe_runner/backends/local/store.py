"""Checkpoints and training runs on disk: what outlives the server.

    {root}/{model_id}/run.json
    {root}/{model_id}/{weights|sampler_weights}/{name}.json
    {root}/{model_id}/{weights|sampler_weights}/{name}.{random}.safetensors
    {root}/{model_id}/external_weights/{name}.{random}.tar

The JSON is the commit point: it names its tensor file or archive, is written beside its final
name, fsynced and then linked or renamed into place, so a reader sees a whole checkpoint or none,
whenever the writer dies. Several servers may share one root: names are claimed by an exclusive
hard link, and tensor files that no JSON names are swept only once they are an hour old.

A root may have come with a stranger's project: links in it are not followed, records that do not
stand where they say are left out, and no file is removed but those that a server writes.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from recipe_runner.backends.local.atomic import (
    create_json,
    modified,
    read_json,
    replace_json,
    write_synced,
)
from recipe_runner.backends.local.checkpoints import (
    KINDS,
    MODEL_ID,
    WRITTEN_FILE,
    Checkpoint,
    CheckpointPath,
    Run,
    file_stem,
    read_checkpoint,
    read_run,
)
from recipe_runner.backends.local.http_errors import BadRequest, NotFound

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

ORPHAN_AGE_S = 3600.0


def steady_clock() -> Callable[[], float]:
    """Return the time as it passes from now on, whatever the machine's clock is set to meanwhile.

    A clock that jumps ahead by a week would end the lives of all checkpoints at once.
    """
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


@dataclass
class Store:
    """The checkpoints under one directory; every method may be called from any thread."""

    root: Path
    clock: Callable[[], float] = field(default_factory=steady_clock)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    # Training runs

    def put_run(self, run: Run) -> None:
        directory = self._run_dir(run.model_id)
        directory.mkdir(parents=True, exist_ok=True)
        replace_json(directory / "run.json", asdict(run))

    def run(self, model_id: str) -> Run:
        """Raises NotFound for a training run that this store never had."""
        record = None
        if MODEL_ID.fullmatch(model_id):
            record = read_json(self._run_dir(model_id) / "run.json")
        run = None if record is None else read_run(record)
        if run is None or run.model_id != model_id:
            raise NotFound(f"no training run {model_id!r} in this server's store")
        return run

    def runs(self) -> list[Run]:
        """All training runs, newest first."""
        found = []
        for directory in self.root.iterdir():
            with contextlib.suppress(NotFound):
                found.append(self.run(unquote(directory.name)))
        return sorted(found, key=lambda run: run.created, reverse=True)

    # Checkpoints

    def save(
        self,
        path: CheckpointPath,
        content: Mapping[str, torch.Tensor] | Mapping[str, bytes],
        *,
        run: Run,
        optimizer: bool = False,
        ttl_seconds: int | None = None,
        overwrite: bool = False,
        user_metadata: dict[str, str] | None = None,
    ) -> Checkpoint:
        """Write a checkpoint atomically: tensors by name or, for external weights, files by name.

        Raises BadRequest when the name is taken and `overwrite` is not set.
        """
        if not overwrite and self._live_record(path) is not None:
            raise self._taken(path)
        directory = self._kind_dir(path)
        directory.mkdir(parents=True, exist_ok=True)
        is_archive = path.kind == "external_weights"
        data = _archive(content) if is_archive else _safetensors(content)
        suffix = "tar" if is_archive else "safetensors"
        file = directory / f"{file_stem(path.name)}.{uuid.uuid4().hex}.{suffix}"
        write_synced(file, data)
        now = self.clock()
        checkpoint = Checkpoint(
            model_id=path.model_id,
            kind=path.kind,
            name=path.name,
            base_model=run.base_model,
            lora=run.lora,
            optimizer=optimizer,
            tensors_file=file.name,
            size_bytes=len(data),
            created=now,
            expires=None if ttl_seconds is None else now + ttl_seconds,
            user_metadata=user_metadata,
        )
        try:
            self._commit(checkpoint, overwrite=overwrite)
        except OSError:  # no room for the record: nothing names its tensors
            file.unlink(missing_ok=True)
            raise
        return checkpoint

    def _commit(self, checkpoint: Checkpoint, *, overwrite: bool) -> None:
        path = checkpoint.path
        directory = self._kind_dir(path)
        replaced = self._record(path)
        expired = replaced is not None and self._expired(replaced)
        if overwrite or expired:
            replace_json(self._json_file(path), asdict(checkpoint))
        elif not create_json(self._json_file(path), asdict(checkpoint)):
            (directory / checkpoint.tensors_file).unlink()
            raise self._taken(path)
        if replaced is not None and replaced.tensors_file != checkpoint.tensors_file:
            (directory / replaced.tensors_file).unlink(missing_ok=True)

    def checkpoint(self, path: CheckpointPath) -> Checkpoint:
        """Raises NotFound for one that is missing, deleted or expired."""
        checkpoint = self._live_record(path)
        if checkpoint is None:
            raise NotFound(
                f"no checkpoint {path}: it was never saved in this server's store, was deleted, "
                "or has expired"
            )
        return checkpoint

    def load(self, path: CheckpointPath) -> tuple[Checkpoint, dict[str, torch.Tensor]]:
        """The record and its tensors on the CPU; NotFound as in `checkpoint`."""
        from safetensors.torch import load

        checkpoint, data = self._read(path)
        return checkpoint, load(data)

    def files(self, path: CheckpointPath) -> dict[str, bytes]:
        """The files of external weights by name; NotFound as in `checkpoint`.

        Raises BadRequest when the archive is not as this server wrote it.
        """
        _, data = self._read(path)
        try:
            return _unpacked(data)
        except (tarfile.TarError, ValueError) as error:
            raise BadRequest(f"the archive of {path} is damaged: {error}") from error

    def _read(self, path: CheckpointPath) -> tuple[Checkpoint, bytes]:
        # Another server may overwrite the checkpoint between the two reads; the second record
        # then names the new file.
        for _ in range(3):
            checkpoint = self.checkpoint(path)
            file = self._kind_dir(path) / checkpoint.tensors_file
            with contextlib.suppress(FileNotFoundError):
                if not file.is_symlink():
                    return checkpoint, file.read_bytes()
        raise NotFound(f"checkpoint {path} is being deleted")

    def delete(self, path: CheckpointPath) -> None:
        """Raises NotFound as in `checkpoint`."""
        self._remove(self.checkpoint(path))

    def set_ttl(self, path: CheckpointPath, ttl_seconds: int | None) -> None:
        checkpoint = self.checkpoint(path)
        expires = None if ttl_seconds is None else self.clock() + ttl_seconds
        replace_json(self._json_file(path), asdict(replace(checkpoint, expires=expires)))

    def set_public(self, path: CheckpointPath, public: bool) -> None:
        checkpoint = replace(self.checkpoint(path), public=public)
        replace_json(self._json_file(path), asdict(checkpoint))

    def checkpoints(self, model_id: str | None = None) -> list[Checkpoint]:
        """Live checkpoints of one training run, or of all, oldest first."""
        return sorted(
            (c for c in self._records(model_id) if not self._expired(c)), key=lambda c: c.created
        )

    def sweep(self) -> int:
        """Remove expired checkpoints and stale leftovers of dead writers; returns how many."""
        removed = 0
        for checkpoint in list(self._records(None)):
            if self._expired(checkpoint):
                self._remove(checkpoint)
                removed += 1
        for run in self._run_dirs():
            for kind in KINDS:
                if _is_own_directory(run / kind):
                    removed += self._sweep_orphans(run / kind)
        return removed

    def _sweep_orphans(self, directory: Path) -> int:
        # Files first, records second: a record committed in between then names its file.
        oldest = time.time() - ORPHAN_AGE_S
        stale = [
            file
            for file in directory.iterdir()
            if WRITTEN_FILE.fullmatch(file.name) and modified(file) < oldest
        ]
        named = {
            (read_json(record) or {}).get("tensors_file") for record in directory.glob("*.json")
        }
        orphans = [file for file in stale if file.name not in named]
        for file in orphans:
            file.unlink(missing_ok=True)
        return len(orphans)

    def _records(self, model_id: str | None) -> Iterator[Checkpoint]:
        runs = [self._run_dir(model_id)] if model_id is not None else self._run_dirs()
        for run in runs:
            for kind in KINDS:
                if _is_own_directory(run / kind):
                    yield from filter(None, map(self._read_record, (run / kind).glob("*.json")))

    def _run_dirs(self) -> list[Path]:
        return [directory for directory in self.root.iterdir() if _is_own_directory(directory)]

    def _record(self, path: CheckpointPath) -> Checkpoint | None:
        return self._read_record(self._json_file(path))

    def _read_record(self, file: Path) -> Checkpoint | None:
        """What a record says, where it stands in the place of what it says."""
        record = read_json(file)
        if record is None:
            return None
        checkpoint = read_checkpoint(record)
        if checkpoint is None or self._json_file(checkpoint.path) != file:
            logger.warning("ignoring a record that no server wrote there: %s", file)
            return None
        return checkpoint

    def _live_record(self, path: CheckpointPath) -> Checkpoint | None:
        checkpoint = self._record(path)
        return None if checkpoint is None or self._expired(checkpoint) else checkpoint

    def _expired(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.expires is not None and checkpoint.expires <= self.clock()

    def _remove(self, checkpoint: Checkpoint) -> None:
        self._json_file(checkpoint.path).unlink(missing_ok=True)
        (self._kind_dir(checkpoint.path) / checkpoint.tensors_file).unlink(missing_ok=True)

    def _taken(self, path: CheckpointPath) -> BadRequest:
        return BadRequest(
            f"checkpoint {path} exists already; choose another name, delete it, or save with "
            "overwrite=True"
        )

    def _run_dir(self, model_id: str) -> Path:
        return self.root / quote(model_id, safe="")

    def _kind_dir(self, path: CheckpointPath) -> Path:
        return self._run_dir(path.model_id) / path.kind

    def _json_file(self, path: CheckpointPath) -> Path:
        return self._kind_dir(path) / f"{file_stem(path.name)}.json"


def _is_own_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _safetensors(content: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    return save({name: tensor.contiguous() for name, tensor in content.items()})


def _archive(content: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _unpacked(data: bytes) -> dict[str, bytes]:
    files = {}
    # Plain, as it was written: a compressed one may unpack to any size.
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise ValueError(f"{member.name!r} is no plain file")
            files[member.name] = file.read()
    return files
