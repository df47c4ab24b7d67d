"""Which weights serve a model name.

Imports neither torch nor transformers, and never asks the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipe_runner.backends.local.errors import EngineError

SHIPPED_NAME = "recipe-run/tiny"
SHIPPED_DIR = Path(__file__).parent / "shipped"
# What fits the memory of the machines this backend is for, once read as float32.
MAX_WEIGHT_BYTES = 2 * 1024**3

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tiktoken.model")
_WEIGHT_PATTERN = "*.safetensors"


@dataclass(frozen=True)
class ModelSource:
    """Where the weights and the tokenizer behind a model name come from.

    `weights` is a directory with config.json and safetensors files; None means random weights of
    a small fixed shape over the tokenizer's vocabulary. `tokenizer` is a directory, or a hub id
    whose tokenizer is in the local cache. `note` is one sentence for people.
    """

    name: str
    kind: Literal["shipped", "weights", "stand-in"]
    weights: Path | None
    tokenizer: Path | str
    note: str


def resolve(name: str, model_path: Path | None = None) -> ModelSource:
    """Find what serves `name`: shipped weights, a local directory, the hub's cache, or a stand-in.

    `model_path` is a directory with config.json, which then serves every name, or a directory of
    such directories named after the models ("/" kept, or written as "--"). Raises EngineError
    when `model_path` is given and does not exist.
    """
    if name == SHIPPED_NAME:
        return ModelSource(
            name, "shipped", SHIPPED_DIR, SHIPPED_DIR, "the small model that recipe-run ships"
        )
    if is_model_directory(Path(name)):
        directory = Path(name)
        return ModelSource(name, "weights", directory, directory, f"weights from {directory}")
    # Tinker writes a context length behind the name of some models, as in "a/b:peft:131072".
    bare_name = name.split(":", 1)[0]
    return (
        _from_model_path(name, bare_name, model_path)
        or _from_hub_cache(name, bare_name)
        or _shipped_stand_in(name)
    )


def context_of(source: ModelSource) -> int | None:
    """Return the tokens that a model's configuration has positions for, if it says."""
    if source.weights is None:
        return None
    import json

    config = json.loads((source.weights / "config.json").read_text("utf-8"))
    positions = config.get("max_position_embeddings")
    return positions if isinstance(positions, int) else None


def is_model_directory(path: Path) -> bool:
    """Whether a directory holds a model: its configuration and safetensors files."""
    try:
        return (path / "config.json").is_file() and any(path.glob(_WEIGHT_PATTERN))
    except OSError:  # a name that is too long for a file
        return False


def _from_model_path(name: str, bare_name: str, model_path: Path | None) -> ModelSource | None:
    if model_path is None:
        return None
    if not model_path.is_dir():
        raise EngineError(f"model path {model_path} is not a directory")
    for candidate in (
        model_path,
        model_path / bare_name,
        model_path / bare_name.replace("/", "--"),
    ):
        if is_model_directory(candidate):
            return ModelSource(
                name, "weights", candidate, candidate, f"{name} from weights in {candidate}"
            )
    return None


def _from_hub_cache(name: str, bare_name: str) -> ModelSource | None:
    snapshot = _cached_snapshot(bare_name)
    if snapshot is None:
        return None
    has_tokenizer = any((snapshot / file).is_file() for file in _TOKENIZER_FILES)
    if not has_tokenizer:
        return None
    weight_bytes = _weight_bytes(snapshot)
    if 0 < weight_bytes <= MAX_WEIGHT_BYTES:
        return ModelSource(
            name, "weights", snapshot, bare_name, f"{name} from the local Hugging Face cache"
        )
    reason = "its weights are too large for this backend" if weight_bytes else "no weights here"
    return ModelSource(
        name,
        "stand-in",
        None,
        bare_name,
        f"stand-in: a small random model with the tokenizer of {name} ({reason})",
    )


def _cached_snapshot(repo_id: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for file in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        try:
            found = try_to_load_from_cache(repo_id, file)
        except HFValidationError:  # not a name the hub could know
            return None
        if isinstance(found, str):
            return Path(found).parent
    return None


def _weight_bytes(snapshot: Path) -> int:
    """Size of the snapshot's safetensors files, 0 unless all of them are there."""
    if not (snapshot / "config.json").is_file():
        return 0
    files = [file for file in snapshot.glob(_WEIGHT_PATTERN) if file.is_file()]
    index = snapshot / "model.safetensors.index.json"
    if index.is_file():
        import json

        wanted = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        if not wanted <= {file.name for file in files}:
            return 0
    return sum(file.stat().st_size for file in files)


def _shipped_stand_in(name: str) -> ModelSource:
    return ModelSource(
        name,
        "stand-in",
        SHIPPED_DIR,
        SHIPPED_DIR,
        f"stand-in: the shipped small model under the name {name}",
    )
