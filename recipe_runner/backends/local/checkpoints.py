"""Checkpoints and training runs as records, and the paths that name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from recipe_runner.backends.local.http_errors import BadRequest

Kind = Literal["weights", "sampler_weights", "external_weights"]
KINDS: tuple[Kind, ...] = ("weights", "sampler_weights", "external_weights")
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{0,199}")
NAME = re.compile(r"[^/\x00-\x1f]+")
MAX_FILE_STEM = 200
# What a server leaves in a checkpoint's directory beside the records.
WRITTEN_FILE = re.compile(r"[^/]*\.[0-9a-f]{32}\.(?:safetensors|tar|tmp)")


def file_stem(name: str) -> str:
    """A checkpoint's name as a file name."""
    return quote(name, safe=" ")


@dataclass(frozen=True)
class CheckpointPath:
    """`tinker://{model_id}/{kind}/{name}`."""

    model_id: str
    kind: Kind
    name: str

    @classmethod
    def parse(cls, path: str) -> CheckpointPath:
        """Raises BadRequest when `path` has another form."""
        parts = path.removeprefix("tinker://").split("/")
        if not path.startswith("tinker://") or len(parts) != 3:
            raise BadRequest(
                f"{path!r} is not a checkpoint path; expected tinker://MODEL_ID/weights/NAME "
                "(or sampler_weights, external_weights)"
            )
        return cls.of(parts[0], parts[1], parts[2])

    @classmethod
    def of(cls, model_id: str, kind: str, name: str) -> CheckpointPath:
        """Raises BadRequest when a part could not be one."""
        if not MODEL_ID.fullmatch(model_id):
            raise BadRequest(f"{model_id!r} is not a model id")
        usable = NAME.fullmatch(name) and not name.startswith(".")
        if not usable or len(file_stem(name)) > MAX_FILE_STEM:
            raise BadRequest(
                f"{name!r} cannot name a checkpoint: no slash, no leading dot, not empty, at "
                f"most {MAX_FILE_STEM} characters"
            )
        for known in KINDS:
            if kind == known:
                return cls(model_id, known, name)
        raise BadRequest(f"{kind!r} is not a kind of checkpoint here; expected one of {KINDS}")

    def __str__(self) -> str:
        return f"tinker://{self.model_id}/{self.kind}/{self.name}"


@dataclass(frozen=True)
class Lora:
    """Which adapter a model has; rank 0 is full fine-tuning."""

    rank: int
    seed: int | None = None
    train_mlp: bool = True
    train_attn: bool = True
    train_unembed: bool = True


@dataclass(frozen=True)
class Run:
    """A training run's record. Times are seconds since the epoch."""

    model_id: str
    base_model: str
    lora: Lora
    user_metadata: dict[str, str] | None = None
    created: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's record. Times are seconds since the epoch; no `expires` means kept."""

    model_id: str
    kind: Kind
    name: str
    base_model: str
    lora: Lora
    optimizer: bool
    tensors_file: str
    size_bytes: int
    created: float
    expires: float | None = None
    user_metadata: dict[str, str] | None = None
    public: bool = False

    @property
    def path(self) -> CheckpointPath:
        return CheckpointPath(self.model_id, self.kind, self.name)


_CHECKPOINT = TypeAdapter(Checkpoint)
_RUN = TypeAdapter(Run)


def read_checkpoint(record: dict[str, Any]) -> Checkpoint | None:
    """Return the checkpoint that a record is of; None if no server can have written it.

    A store may come from elsewhere, and what its records name is read, replaced and deleted.
    """
    try:
        checkpoint = _CHECKPOINT.validate_python(record)
        CheckpointPath.of(checkpoint.model_id, checkpoint.kind, checkpoint.name)
    except (ValidationError, BadRequest):
        return None
    return checkpoint if WRITTEN_FILE.fullmatch(checkpoint.tensors_file) else None


def read_run(record: dict[str, Any]) -> Run | None:
    """Return the training run that a record is of; None if no server can have written it."""
    try:
        return _RUN.validate_python(record)
    except ValidationError:
        return None
