"""`data`: whether the method takes it, and which of its keys would be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.data import COOKBOOK_DATASETS, ComparisonsData, Data, HuggingFaceData

# What the Cookbook's own data-set builders decide themselves.
_FIXED_BY_THE_COOKBOOK = ("config", "split", "messages_column", "test_size")
_LEFT_TO_THE_RECIPE = {("sciknoweval", "config")}


def check_data(
    loaded: LoadedRecipe,
    data: Data,
    *,
    kinds: Sequence[str],
    named: Sequence[str],
    hub_ids: bool = True,
    path: str = "data",
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a data section for its method.

    Args:
        kinds: the values of `kind` that the method takes.
        named: the Cookbook's data sets that hold what the method needs.
        hub_ids: whether it takes other data sets of the hub.
        path: where the section is.
    """
    method = loaded.recipe.method
    if data.kind not in kinds:
        yield loaded.diagnostic(
            f"{path}.kind",
            "value",
            f"`method: {method}` takes no {data.kind}",
            hint=f"one of {', '.join(kinds)}",
        )
    if isinstance(data, ComparisonsData):
        yield from _check_files(loaded, data, path)
    if not isinstance(data, HuggingFaceData):
        return
    if data.dataset not in COOKBOOK_DATASETS and hub_ids:
        return
    if data.dataset not in named:
        yield loaded.diagnostic(
            f"{path}.dataset",
            "value",
            f"{data.dataset} does not hold what `method: {method}` learns from",
            hint=f"one of {', '.join(named)}{', or a hub id' if hub_ids else ''}",
        )
        return
    for key in _FIXED_BY_THE_COOKBOOK:
        if key in data.model_fields_set and (data.dataset, key) not in _LEFT_TO_THE_RECIPE:
            yield no_effect(
                loaded,
                f"{path}.{key}",
                f"the Cookbook's {data.dataset} decides it itself",
                "remove it, or name the data set by its hub id",
            )


def _check_files(loaded: LoadedRecipe, data: ComparisonsData, path: str) -> Iterator[Diagnostic]:
    """Comparisons are in one file, or their better and their worse replies in two."""
    given = [key for key in ("path", "chosen", "rejected") if getattr(data, key) is not None]
    if given not in (["path"], ["chosen", "rejected"]):
        yield loaded.diagnostic(
            path,
            "missing-key",
            f"comparisons are in `path`, or in `chosen` and `rejected`; there is "
            f"{' and '.join(given) or 'neither'}",
            hint="write `path: FILE.jsonl`, or both of the others",
        )
