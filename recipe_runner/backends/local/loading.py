"""Models and tokenizers from their files, and from nothing else.

No hub is asked, none of the Python that may lie beside the files is run, and of weights only
safetensors are read: the other formats are pickles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.backends.local.errors import EngineError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_FILES_ALONE = {"local_files_only": True, "trust_remote_code": False}


def model_in(directory: Path) -> PreTrainedModel:
    """Return the causal language model in a directory, in float32.

    Raises:
        EngineError: if there is none that transformers loads by itself.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if not (directory / "config.json").is_file():
        raise EngineError(f"no config.json in {directory}: not a model directory")
    try:
        AutoConfig.from_pretrained(directory, **_FILES_ALONE)
        return AutoModelForCausalLM.from_pretrained(
            directory, **_FILES_ALONE, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"cannot load the model in {directory}: {_reason(error)}") from error


def tokenizer_in(place: Path | str) -> PreTrainedTokenizerBase:
    """Return the tokenizer in a directory, or of a hub id whose files are in the local cache.

    Raises:
        EngineError: if there is none that transformers loads by itself.
    """
    if _needs_no_class_of_its_own(Path(place)):
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(str(place), local_files_only=True)
    # Two seconds of imports: it knows every model's tokenizer.
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(place), **_FILES_ALONE)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"cannot load the tokenizer of {place}: {_reason(error)}") from error


def _needs_no_class_of_its_own(directory: Path) -> bool:
    """Whether all of a tokenizer is in its files, as with the shipped one."""
    config = directory / "tokenizer_config.json"
    if not config.is_file():
        return False
    named = json.loads(config.read_text("utf-8")).get("tokenizer_class")
    return named in ("TokenizersBackend", "PreTrainedTokenizerFast")


def _reason(error: Exception) -> str:
    """Return what transformers says, in our words where it asks to be let run code."""
    if "trust_remote_code" not in str(error):
        return str(error)
    return (
        "it wants Python of its own to be run (`auto_map` in its configuration), and recipe-run "
        "never runs code that comes with a model; take a model that transformers knows by itself"
    )
