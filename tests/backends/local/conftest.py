from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from recipe_runner.backends.local.launch import RunningServer, launch


def _load(name: str) -> ModuleType:
    # Test folders are no packages (importmode=importlib), so helpers load by path.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_model() -> ModuleType:
    """The module that makes throwaway models."""
    return _load("tiny_model")


@pytest.fixture(scope="session")
def tiny_model_dir(tiny_model: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with config.json, model.safetensors and a byte tokenizer, made once."""
    directory: Path = tiny_model.write_model(tmp_path_factory.mktemp("tiny-model"))
    return directory


@pytest.fixture(scope="session")
def server(
    tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server process over the tiny model, which it serves under every name."""
    directory = tmp_path_factory.mktemp("server")
    with launch(
        store=directory / "store", log=directory / "server.log", model_path=tiny_model_dir
    ) as running:
        yield running
