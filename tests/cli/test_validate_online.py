"""`validate --online` against a real server, and against none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.backends.capabilities import served_models
from recipe_runner.backends.local.launch import RunningServer, launch
from recipe_runner.cli.app import run_command
from recipe_runner.language import load
from recipe_runner.planning.checks.online import ServedModel, check_online
from schemas.backend import RemoteBackend
from tests.conftest import RL_RECIPE, SFT_RECIPE

TINY = RL_RECIPE.replace("Qwen/Qwen3-8B-Base", "recipe-run/tiny")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with launch(store=tmp_path_factory.mktemp("store")) as running:
        yield running


def validate(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path
) -> tuple[int, list[dict[str, Any]], str]:
    code = run_command(["validate", "--online", "--format", "json", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


def at(url: str) -> str:
    return f"backend={{kind: remote, base_url: '{url}'}}"


def test_a_server_is_asked_what_it_serves(
    server: RunningServer,
    write_recipe: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    (tiny,) = served_models(RemoteBackend(kind="remote", base_url=server.url))
    assert (tiny.name, tiny.trainable, tiny.sampleable) == ("recipe-run/tiny", True, True)
    assert tiny.context is not None
    good, other = write_recipe(TINY, "good.yaml"), write_recipe(RL_RECIPE, "other.yaml")
    assert validate(capsys, good, "--set", at(server.url))[:2] == (0, [])
    code, (found,), _ = validate(capsys, other, "--set", at(server.url))
    assert (code, found["code"], found["path"]) == (1, "not-served", "model.name")
    assert (found["line"], found["column"]) == (4, 15)
    assert "recipe-run/tiny" in found["hint"]


def test_who_cannot_be_asked_is_said_last(
    server: RunningServer,
    write_recipe: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = write_recipe(TINY, "good.yaml")
    monkeypatch.setenv("TINKER_API_KEY", "tml-another")
    code, _, words = validate(capsys, good, "--set", at(server.url))
    assert code == 4
    assert "refuses the key" in words
    code, _, words = validate(capsys, good, "--set", at("http://127.0.0.1:9"))
    assert code == 4
    assert "cannot be reached" in words
    monkeypatch.delenv("TINKER_API_KEY")
    write_recipe(RL_RECIPE.replace("steps", "stepss"), "wrong.yaml")
    write_recipe(RL_RECIPE, "hosted.yaml")
    code, found, words = validate(capsys, good.parent)
    assert code == 4
    assert "TINKER_API_KEY is not set" in words
    assert "unknown-key" in {each["code"] for each in found}, "what is wrong is said all the same"


def test_the_local_backend_serves_any_name(
    write_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(capsys, write_recipe(), "--set", "backend=local")[:2] == (0, [])


def served(name: str, **says: Any) -> ServedModel:
    return ServedModel(
        **({"name": name, "context": None, "trainable": None, "sampleable": None} | says)
    )


@pytest.mark.parametrize(
    ("model", "says", "path"),
    [
        ("Qwen/Qwen3-8B-Base", {}, None),
        ("Qwen/Qwen3-8B-Base", {"trainable": False}, "model.name"),
        ("Qwen/Qwen3-8B-Base", {"sampleable": False}, None),
        ("Qwen/Qwen3-8B-Base", {"context": 1024}, None),
        ("Qwen/Qwen3-8B-Base", {"context": 16}, "rollout.max_tokens"),
        ("Qwen/Qwen3-8B", {}, "model.name"),
    ],
)
def test_what_a_service_says_is_held_to(
    write_recipe: Callable[..., Path], model: str, says: dict[str, Any], path: str | None
) -> None:
    found = list(check_online(load(write_recipe()), [served(model, **says)]))
    assert [each.path for each in found] == ([path] if path else [])


def test_every_model_that_is_named_is_looked_for(write_recipe: Callable[..., Path]) -> None:
    distill = """\
method: distill
mode: on_policy
data: {kind: prompts, path: talks.jsonl}
teacher: {model: Qwen/Qwen3-32B}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
"""
    head = "".join(SFT_RECIPE.splitlines(keepends=True)[:2])
    text = head + "model: {name: Qwen/Qwen3-8B-Base}\n" + distill
    found = list(check_online(load(write_recipe(text)), [served("Qwen/Qwen3-8B-Base")]))
    assert [(each.path, each.line) for each in found] == [("teacher.model", 7)]
