"""A key goes to a server that its owner named, and to no other that a recipe does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from tests.conftest import RL_RECIPE

ELSEWHERE = "https://tinker.invalid:8443/v1"
Write = Callable[..., Path]


@pytest.fixture
def recipe(write_recipe: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe on a server of somebody's, and a key in the environment."""
    monkeypatch.setenv("TINKER_API_KEY", "tml-canary-of-the-owner")
    monkeypatch.delenv("TINKER_BASE_URL", raising=False)
    sent_to = f"backend: {{kind: remote, base_url: {ELSEWHERE}}}\n"
    variants = "variants: {matrix: {seed: [1, 2]}}\n"
    return write_recipe(RL_RECIPE + sent_to + variants)


@pytest.mark.parametrize("command", [[], ["sweep"], ["validate", "--online"]])
def test_a_server_that_the_recipe_alone_names_gets_no_key(
    command: list[str], recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*command, str(recipe)]) == 4
    said = capsys.readouterr().err
    assert f"server {ELSEWHERE} would get your TINKER_API_KEY" in said
    assert f"export TINKER_BASE_URL={ELSEWHERE}" in said


@pytest.mark.parametrize(
    ("variables", "flags"),
    [
        ({"TINKER_BASE_URL": "https://tinker.invalid:8443"}, []),
        ({}, ["--backend", ELSEWHERE]),
        ({}, ["--set", f"backend.base_url={ELSEWHERE}"]),
        ({"TINKER_API_KEY": ""}, []),
        ({}, ["--set", "backend.base_url=http://127.0.0.1:9"]),
    ],
)
def test_one_that_its_owner_names_is_reached(
    variables: dict[str, str],
    flags: list[str],
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(recipe.parent)
    assert run_command([str(recipe), *flags]) == 4
    assert "cannot be reached" in capsys.readouterr().err


def test_a_server_on_this_machine_is_the_users(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(recipe.read_text().replace(ELSEWHERE, "http://localhost:9"))
    monkeypatch.chdir(recipe.parent)
    assert run_command([str(recipe)]) == 4
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["http://tinker.invalid:8443", "https://tinker.invalid"])
def test_another_scheme_or_port_is_another_server(
    named: str, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_BASE_URL", named)
    assert run_command([str(recipe)]) == 4
    assert not (recipe.parent / "runs").exists()
