"""`init` writes recipes that are valid and that name every key of their method."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.language.starter import STARTERS
from schemas import METHODS


def test_every_method_has_a_starter() -> None:
    assert set(STARTERS) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_starter_is_valid_and_names_every_key(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "first" / "try-1.yaml"
    assert run_command(["init", method, str(path)]) == 0
    text = path.read_text("utf-8")
    assert "name: try-1\n" in text.replace("  # ", "\n")
    for key in METHODS[method].model_fields:
        assert f"\n{key}:" in text or f"\n# {key}:" in text, key
    assert (path.parent / "recipe.schema.json").exists()
    capsys.readouterr()
    assert run_command(["validate", str(path)]) == 0, capsys.readouterr().err


def test_a_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("mine")
    assert run_command(["init", "rl", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run_command(["init", "nothing", str(tmp_path / "b.yaml")]) == 2
    assert "rl" in capsys.readouterr().err
    assert run_command(["init", "rl", str(path), "--force"]) == 0
