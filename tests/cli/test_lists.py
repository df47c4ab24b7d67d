"""`models` and `envs`: searchable, whole, and true to the catalog."""

from __future__ import annotations

import json

import pytest

from recipe_runner.catalog.gem import gem_ids
from recipe_runner.catalog.models import models
from recipe_runner.catalog.prices import prices
from recipe_runner.cli.app import run_command
from recipe_runner.envs import ENVS


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run_command([*arguments, "--format", "json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_every_model_is_listed_with_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {row["name"]: row for row in rows(capsys, "models")}
    assert set(listed) == {*models(), *prices()}
    assert listed["Qwen/Qwen3-8B"]["usd_per_million_tokens"] == {
        "prefill": 0.195,
        "sample": 0.60,
        "train": 0.44,
    }
    assert listed["meta-llama/Llama-3.2-1B"]["usd_per_million_tokens"]["sample"] is None  # type: ignore[index]
    assert listed["Qwen/Qwen3-30B-A3B"]["retired"] == "2026-06-12"


def test_words_narrow_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", "QWEN3.5", "base"]) == 0
    out = capsys.readouterr().out
    assert "Qwen/Qwen3.5-9B-Base" in out
    assert "Kimi" not in out
    assert "never live" in out


def test_every_environment_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = rows(capsys, "envs")
    assert {row["kind"] for row in listed} == set(ENVS)
    assert {row["id"] for row in listed} - {""} == gem_ids()


def test_what_an_environment_needs_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    (math,) = rows(capsys, "envs", "math:Math12K")
    assert "/" in str(math["needs"])
    (sudoku,) = rows(capsys, "envs", "game:Sudoku-v0-easy")
    assert sudoku["needs"] == ""
    assert sudoku["turns"] == "many"
