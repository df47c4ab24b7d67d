"""Recipes as text, and the diagnostics that loading them gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError, load

BASE = """\
version: 1
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: gem, id: "rg:simple_equations"}
rollout: {groups_per_batch: 64, group_size: 8, max_tokens: 2048}
optimizer: {learning_rate: 2e-5}
steps: 200
"""

Load = Callable[..., LoadedRecipe]
Problems = Callable[..., list[Diagnostic]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load_text(here: Path) -> Load:
    """Load `recipe.yaml` with that text (or bytes), beside files of that text."""

    def load_it(text: str | bytes, files: dict[str, str] | None = None, **flags: object) -> object:
        for name, content in {**(files or {})}.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(content)
        (here / "recipe.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load("recipe.yaml", **flags)  # type: ignore[arg-type]

    return load_it  # type: ignore[return-value]


@pytest.fixture
def problems(load_text: Load) -> Problems:
    """Return the diagnostics of a recipe that is wrong."""

    def find(text: str | bytes, files: dict[str, str] | None = None, **flags: object) -> object:
        with pytest.raises(RecipeError) as caught:
            load_text(text, files, **flags)
        return caught.value.diagnostics

    return find  # type: ignore[return-value]


@pytest.fixture
def base() -> str:
    return BASE
