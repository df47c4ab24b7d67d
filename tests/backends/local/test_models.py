from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recipe_runner.backends.local import models
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.models import SHIPPED_DIR, SHIPPED_NAME, resolve

HUB_NAME = "someone/some-model"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def cached_snapshot(cache: Path, model_dir: Path, files: list[str]) -> Path:
    repo = cache / f"models--{HUB_NAME.replace('/', '--')}"
    snapshot = repo / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    for file in files:
        shutil.copy(model_dir / file, snapshot / file)
    return snapshot


def test_shipped_name_is_the_shipped_model() -> None:
    source = resolve(SHIPPED_NAME)
    assert (source.kind, source.weights, source.tokenizer) == ("shipped", SHIPPED_DIR, SHIPPED_DIR)


def test_a_directory_is_served_from_itself(tiny_model_dir: Path) -> None:
    source = resolve(str(tiny_model_dir))
    assert (source.kind, source.weights) == ("weights", tiny_model_dir)


def test_model_path_with_a_config_serves_every_name(tiny_model_dir: Path) -> None:
    source = resolve("Qwen/Qwen3-8B-Base", tiny_model_dir)
    assert (source.kind, source.weights) == ("weights", tiny_model_dir)
    assert source.name == "Qwen/Qwen3-8B-Base"


@pytest.mark.parametrize("folder", ["a/b", "a--b"])
@pytest.mark.parametrize("name", ["a/b", "a/b:peft:4096"])
def test_model_path_holds_models_by_name(
    tmp_path: Path, tiny_model_dir: Path, hub_cache: Path, folder: str, name: str
) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "models" / folder)
    assert resolve(name, tmp_path / "models").weights == tmp_path / "models" / folder
    assert resolve("a/other", tmp_path / "models").kind == "stand-in"


def test_a_missing_model_path_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not a directory"):
        resolve("a/b", tmp_path / "nowhere")


@pytest.mark.parametrize("name", [HUB_NAME, "no slash", "x/y/z", "", "mööh"])
def test_any_other_name_is_a_stand_in_that_says_so(hub_cache: Path, name: str) -> None:
    source = resolve(name)
    assert (source.kind, source.weights) == ("stand-in", SHIPPED_DIR)
    assert source.note.startswith("stand-in: ")
    assert name in source.note


def test_weights_in_the_hub_cache_are_used(hub_cache: Path, tiny_model_dir: Path) -> None:
    files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    snapshot = cached_snapshot(hub_cache, tiny_model_dir, files)
    source = resolve(HUB_NAME)
    assert (source.kind, source.weights, source.tokenizer) == ("weights", snapshot, HUB_NAME)


def test_a_cached_tokenizer_alone_gives_a_random_stand_in(
    hub_cache: Path, tiny_model_dir: Path
) -> None:
    cached_snapshot(hub_cache, tiny_model_dir, ["tokenizer.json", "tokenizer_config.json"])
    source = resolve(HUB_NAME)
    assert (source.kind, source.weights, source.tokenizer) == ("stand-in", None, HUB_NAME)


def test_cached_weights_that_are_too_large_give_a_random_stand_in(
    hub_cache: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ["config.json", "model.safetensors", "tokenizer.json"]
    cached_snapshot(hub_cache, tiny_model_dir, files)
    monkeypatch.setattr(models, "MAX_WEIGHT_BYTES", 1000)
    source = resolve(HUB_NAME)
    assert (source.kind, source.weights) == ("stand-in", None)
    assert "too large" in source.note


def test_an_incomplete_sharded_snapshot_has_no_weights(
    hub_cache: Path, tiny_model_dir: Path
) -> None:
    files = ["config.json", "model.safetensors", "tokenizer.json"]
    snapshot = cached_snapshot(hub_cache, tiny_model_dir, files)
    index = '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
    (snapshot / "model.safetensors.index.json").write_text(index)
    assert resolve(HUB_NAME).weights is None


def test_resolving_imports_nothing_heavy() -> None:
    code = (
        "import sys; from recipe_runner.backends.local.models import resolve;"
        "resolve('recipe-run/tiny'); print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
