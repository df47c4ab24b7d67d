from __future__ import annotations

import json

import pytest

from recipe_runner.cli.app import run_command


def test_schema_prints_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["title"] == "recipe-run recipe, version 1"
    assert "https://json-schema.org" in schema["$schema"]


def test_variants_prints_names(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("version: 1\nvariants: {matrix: {seed: [1, 2]}}\n")
    assert run_command(["variants", str(recipe)]) == 0
    assert capsys.readouterr().out == "seed=1\nseed=2\n"
    assert run_command(["variants", str(recipe), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["seed=1", "seed=2"]
