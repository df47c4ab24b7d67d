"""`doctor` says how each thing stands, what to do, and never what a key is."""

from __future__ import annotations

import importlib.metadata

import pytest

from recipe_runner.cli.app import run_command

KEY = "tml-canary-7f3a"


def test_what_is_there_is_said_and_keys_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    assert run_command(["doctor", "--offline"]) == 0
    out = capsys.readouterr().out
    assert KEY not in out
    assert "TINKER_API_KEY: set" in out
    for package in ("tinker", "tinker-cookbook", "torch", "gem-llm"):
        assert f"{package}: {importlib.metadata.version(package)}" in out
    assert "isolation" in out


def test_what_is_missing_has_a_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def version(name: str) -> str:
        if name in ("tinker", "chromadb"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.delenv("TINKER_API_KEY", raising=False)
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert run_command(["doctor", "--offline"]) == 3
    lines = capsys.readouterr().out.splitlines()
    (tinker,) = [line for line in lines if " tinker:" in line]
    assert tinker.startswith("MISSING")
    assert "->" in tinker
    assert any("recipe-run[search]" in line for line in lines)
    assert any("export TINKER_API_KEY" in line for line in lines)
