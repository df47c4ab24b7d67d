"""Which revision a run has of what its recipe names on the Hugging Face hub, as the cache knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from schemas import Recipe

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w:.-]+)?")
# What the Cookbook loads for a data set that recipes call by a name: its version 0.5.8.
_BEHIND_NAMES = {
    "deepmath": ("zwhe99/DeepMath-103K",),
    "gsm8k": ("openai/gsm8k",),
    "helpsteer3": ("nvidia/HelpSteer3",),
    "hhh": ("Anthropic/hh-rlhf",),
    "math": ("EleutherAI/hendrycks_math", "HuggingFaceH4/MATH-500"),
    "no_robots": ("HuggingFaceH4/no_robots",),
    "openthoughts3": ("open-thoughts/OpenThoughts3-1.2M",),
    "polaris": ("POLARIS-Project/Polaris-Dataset-53K",),
    "sciknoweval": ("hicai-zju/SciKnowEval",),
    "toolalpaca": ("tangqiaoyu/ToolAlpaca",),
    "tulu3": ("allenai/tulu-3-sft-mixture",),
    "ultrafeedback": ("argilla/ultrafeedback-binarized-preferences",),
}
_KINDS = ("datasets", "models")


def hub_revisions(recipes: Iterable[Recipe]) -> dict[str, str]:
    """Return the commit of each data set and model (its tokenizer) that is in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found: dict[str, str] = {}
    for name in sorted({name for recipe in recipes for name in _hub_ids(recipe.model_dump())}):
        for kind in _KINDS:
            main = Path(HF_HUB_CACHE) / f"{kind}--{name.replace('/', '--')}" / "refs" / "main"
            if main.is_file():
                found[f"{kind}/{name}"] = main.read_text("utf-8").strip()
    return found


def _hub_ids(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _hub_ids(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _hub_ids(value)
    elif isinstance(tree, str):
        if _HUB_ID.fullmatch(tree):
            yield tree.partition(":")[0]
        yield from _BEHIND_NAMES.get(tree, ())
