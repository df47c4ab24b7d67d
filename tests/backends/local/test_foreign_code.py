"""A stranger's model, tokenizer or data set: none of the code that lies in it is ever run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.backends import hosted, remote
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.launch import RunningServer
from recipe_runner.backends.local.loading import tokenizer_in
from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.tokenizers import directory_tokenizer, register_directories
from recipe_runner.cli.options import plan_recipe
from recipe_runner.errors import BackendError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.estimates.measuring import measured_anywhere
from tests.conftest import CONVERSATION, SFT_RECIPE

# In SFT_RECIPE and a stranger's directory, but for the suffix.
NAME = "Qwen/Qwen3-8B-Base"
REFUSED = "never runs code that comes with a model"


class Bomb:
    """Unpickled, makes a file."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self._canary}'",)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that is there once a stranger's code has run."""
    return tmp_path / "canary"


@pytest.fixture
def model_with_code(tiny_model_dir: Path, tmp_path: Path, canary: Path) -> Path:
    """A model whose configuration names classes in a module that lies beside it."""
    directory = tmp_path / NAME
    shutil.copytree(tiny_model_dir, directory)
    (directory / "own.py").write_text(f"open({str(canary)!r}, 'w')\n")
    change(directory / "config.json", model_type="own", auto_map={
        "AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model",
    })  # fmt: skip
    change(
        directory / "tokenizer_config.json",
        tokenizer_class="OwnTokenizer",
        auto_map={"AutoTokenizer": ["own.OwnTokenizer", None]},
    )
    return directory


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_the_model_is_code_to_whoever_trusts_it(
    model_with_code: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    copies = tmp_path / "copies"
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(copies))
    with pytest.raises(AttributeError, match="has no attribute"):
        AutoTokenizer.from_pretrained(model_with_code, trust_remote_code=True)
    assert canary.exists()


def test_neither_its_tokenizer_nor_its_weights_are_loaded(
    model_with_code: Path, canary: Path
) -> None:
    with pytest.raises(EngineError, match=REFUSED):
        tokenizer_in(model_with_code)
    with pytest.raises(EngineError, match=REFUSED):
        Network(resolve("any/model", model_with_code))
    assert not canary.exists()


def test_code_that_transformers_does_not_need_is_left_alone(
    model_with_code: Path, canary: Path
) -> None:
    change(model_with_code / "config.json", model_type="qwen3")
    change(model_with_code / "tokenizer_config.json", tokenizer_class="Qwen2TokenizerFast")
    for place in ("custom_generate", "."):
        (model_with_code / place).mkdir(exist_ok=True)
        (model_with_code / place / "generate.py").write_text(f"open({str(canary)!r}, 'w')\n")
    assert Network(resolve("any/model", model_with_code)).vocab_size == 259
    assert tokenizer_in(model_with_code).encode("a")
    assert not canary.exists()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Plan]:
    """A stranger's project: a recipe, its data, and a directory named as the recipe's model."""
    (tmp_path / "recipe.yaml").write_text(SFT_RECIPE)
    (tmp_path / "talks.jsonl").write_text(CONVERSATION * 4)
    monkeypatch.chdir(tmp_path)

    def plan(backend: str) -> Plan:
        return plan_recipe(Path("recipe.yaml"), (f"backend={backend}",), (), None, None, None)[1]

    return plan


@pytest.mark.parametrize("backend", ["tinker", "local", "{kind: remote, base_url: 'http://x'}"])
@pytest.mark.usefixtures("model_with_code")
def test_an_estimate_runs_no_code_of_a_directory_named_as_the_model(
    project: Callable[[str], Plan], canary: Path, backend: str
) -> None:
    lengths = measured_anywhere(project(backend))
    assert not canary.exists()
    assert any("Python of its own" in each for each in lengths.assumptions)


@pytest.mark.usefixtures("model_with_code")
def test_a_run_elsewhere_stops_before_its_loop(
    project: Callable[[str], Plan],
    server: RunningServer,
    canary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    monkeypatch.setenv("TINKER_BASE_URL", server.url)
    somewhere = project(f"{{kind: remote, base_url: '{server.url}'}}")
    for module, plan in ((remote, somewhere), (hosted, project("tinker"))):
        with (
            pytest.raises(BackendError, match=REFUSED),
            module.connect(plan, store=tmp_path, log=tmp_path / "log"),
        ):
            pytest.fail("it was connected")
    with pytest.raises(BackendError, match=REFUSED):
        directory_tokenizer(f"{NAME}:peft:4096")
    assert not canary.exists()


def test_a_directory_with_a_tokenizer_is_still_the_models(
    project: Callable[[str], Plan], tiny_model_dir: Path, tmp_path: Path
) -> None:
    from tinker_cookbook.tokenizer_utils import get_tokenizer, unregister_tokenizer

    shutil.copytree(tiny_model_dir, tmp_path / NAME)
    register_directories(project("tinker"))
    try:
        assert get_tokenizer(NAME).encode("ab") == tokenizer_in(tiny_model_dir).encode("ab")
    finally:
        unregister_tokenizer(NAME)


@pytest.mark.parametrize(
    "files",
    [
        {"pytorch_model.bin": "weights.safetensors"},
        {"pytorch_model.bin": "x.safetensors", "pytorch_model.bin.index.json": None},
        {"model.pt": None, "adapter_model.bin": None, "training_args.bin": None},
    ],
)
def test_pickled_weights_are_not_read(
    tiny_model_dir: Path, tmp_path: Path, canary: Path, files: dict[str, str | None]
) -> None:
    directory = tmp_path / "pickled"
    shutil.copytree(tiny_model_dir, directory)
    for name, moved in files.items():
        if moved is not None:
            (directory / "model.safetensors").rename(directory / moved)
        (directory / name).write_bytes(pickle.dumps(Bomb(canary)))
    if "pytorch_model.bin" in files:
        with pytest.raises(EngineError, match="cannot load the model"):
            Network(resolve("any/model", directory))
    else:
        assert Network(resolve("any/model", directory)).vocab_size == 259
    assert not canary.exists()


def test_a_pickled_adapter_beside_a_model_is_not_read(
    tiny_model_dir: Path, tmp_path: Path, canary: Path
) -> None:
    directory = tmp_path / "adapted"
    shutil.copytree(tiny_model_dir, directory)
    (directory / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    adapter = {
        "peft_type": "LORA",
        "r": 4,
        "base_model_name_or_path": str(tiny_model_dir),
        "target_modules": ["q_proj"],
    }
    (directory / "adapter_config.json").write_text(json.dumps(adapter))
    with pytest.raises(EngineError, match="cannot load the model"):
        Network(resolve("any/model", directory))
    assert not canary.exists()


def test_a_chat_template_reaches_no_python(tiny_model_dir: Path, tmp_path: Path) -> None:
    from jinja2.exceptions import SecurityError

    directory = tmp_path / "template"
    shutil.copytree(tiny_model_dir, directory)
    (directory / "chat_template.jinja").write_text(
        "{{ cycler.__init__.__globals__.os.system('true') }}"
    )
    with pytest.raises(SecurityError):
        tokenizer_in(directory).apply_chat_template([{"role": "user", "content": "x"}])


@pytest.mark.parametrize("form", ["script", "pickle", "hub script"])
def test_a_data_set_with_code_is_refused(
    tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    from recipe_runner.compile.data.prompts import HubPrompts

    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "someone" / "data"
    directory.mkdir(parents=True)
    if form == "pickle":
        (directory / "train.pkl").write_bytes(pickle.dumps(Bomb(canary)))
        (directory / "train.npy").write_bytes(pickle.dumps(Bomb(canary)))
    else:
        (directory / "data.py").write_text(f"open({str(canary)!r}, 'w')\n")
    name = "someone/data" if form == "hub script" else str(directory)
    prompts = HubPrompts(dataset=name, name=None, split="train", column="messages")
    with pytest.raises((RuntimeError, OSError, ValueError)):
        prompts()
    assert not canary.exists()
