"""The nearest valid name, and where a misplaced key belongs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from recipe_runner.language.diagnostics import dotted
from recipe_runner.language.grammar import all_keys, keys_at
from recipe_runner.language.tree import Node, Path, node_at

MAX_LISTED = 12

# How the Cookbook and other trainers call what this language calls otherwise.
OTHER_NAMES = {
    "base_model": "model.name",
    "base_url": "backend: {kind: remote, base_url: …}",
    "checkpoint_every": "checkpoint.every",
    "epoch": "epochs",
    "eval_every": "eval.every",
    "kl_penalty_coef": "kl.coef",
    "load_checkpoint_path": "model.load_from",
    "log_path": "logging.dir",
    "lora_r": "model.lora_rank",
    "loss_fn": "loss",
    "lr": "optimizer.learning_rate",
    "lr_schedule": "optimizer.schedule",
    "max_new_tokens": "rollout.max_tokens",
    "max_seq_len": "max_length",
    "max_seq_length": "max_length",
    "max_steps": "steps",
    "model_name": "model.name",
    "model_name_or_path": "model.name",
    "num_epochs": "epochs",
    "num_generations": "rollout.group_size",
    "num_steps": "steps",
    "num_substeps": "substeps",
    "num_train_epochs": "epochs",
    "output_dir": "logging.dir",
    "rank": "model.lora_rank",
    "renderer_name": "renderer",
    "save_every": "checkpoint.every",
    "train_on_what": "train_on",
    "wandb_name": "logging.wandb.name",
    "wandb_project": "logging.wandb.project",
}


def nearest(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the name most like `word`, or none that is like it."""
    import difflib

    listed = list(names)
    lowered = {name.lower().replace("-", "_"): name for name in listed}
    same = lowered.get(word.lower().replace("-", "_"))
    if same is not None:
        return same
    near = difflib.get_close_matches(word[:100], listed, n=1, cutoff=cutoff)
    return near[0] if near else None


def hint_for_key(key: str, path: Path, root: Node, method: str | None) -> str | None:
    """Say what an unknown key may have meant: a near name here, or a place elsewhere."""
    here = keys_at(root, path[:-1])
    near = nearest(key, here, cutoff=0.75)
    if near:
        return f"did you mean `{near}`?"
    elsewhere = _belongs(key, method, root)
    if elsewhere:
        return elsewhere
    if key == "<<":
        return "merge keys are not part of YAML 1.2; use `extends`"
    if key in OTHER_NAMES:
        return f"here it is called `{OTHER_NAMES[key]}`"
    near = nearest(key, here)
    if near:
        return f"did you mean `{near}`?"
    far = nearest(key, _keys_by_name(), cutoff=0.8)
    misplaced = _belongs(far, method, root) if far else None
    return f"did you mean `{far}`? {misplaced}" if misplaced else _known(here)


def _belongs(key: str, method: str | None, root: Node) -> str | None:
    """Say under which section, or in which method, a key stands that exists elsewhere.

    Sections that the recipe has, of the kind that it has, come before those of other kinds.
    """
    paths = _keys_by_name().get(key, [])
    own = [path[1:] for path in paths if path[0] == method]
    fitting = [
        path for path in own if _has_section(root, path[:-1]) and key in keys_at(root, path[:-1])
    ]
    candidates = fitting or own or ([path[1:] for path in paths] if method is None else [])
    if candidates:
        sections = list(dict.fromkeys(dotted(path[:-1]) for path in candidates))
        listed = " or ".join(f"`{section}`" for section in sections[:3] if section)
        return f"`{key}` belongs under {listed}" if listed else f"`{key}` belongs at the top level"
    if paths:
        return f"`{key}` is a key of `method: {paths[0][0]}`"
    return None


def _has_section(root: Node, path: Path) -> bool:
    return not path or node_at(root, path) is not None


def _known(keys: list[str]) -> str | None:
    return f"known here: {', '.join(keys)}" if 0 < len(keys) <= MAX_LISTED else None


@lru_cache(maxsize=1)
def _keys_by_name() -> dict[str, list[Path]]:
    return all_keys()
