"""The command as a user starts it: output, exit codes, and the table of bad recipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipe_runner.cli import output
from recipe_runner.cli.app import run_command
from recipe_runner.language import Diagnostic

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "fixtures" / "bad"
EXPECTED = {
    "alias-bomb": ("alias-limit", 3),
    "duplicate-key": ("duplicate-key", 8),
    "empty": ("empty", 1),
    "incompatible-renderer": ("renderer-mismatch", 8),
    "list-at-the-top": ("not-a-mapping", 1),
    "misspelled-key": ("unknown-key", 5),
    "missing-section": ("missing-key", 1),
    "negative-learning-rate": ("range", 6),
    "python-tag": ("tag", 8),
    "syntax-error": ("syntax", 8),
    "tab-indent": ("syntax", 3),
    "unknown-loss": ("value", 8),
    "unknown-method": ("value", 2),
    "unknown-model": ("unknown-model", 3),
    "wrong-type": ("type", 7),
}


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    output._lines_of.cache_clear()


def test_every_bad_recipe_is_expected() -> None:
    assert {path.stem for path in BAD.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_bad_recipe_is_one_diagnostic_on_its_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"tests/fixtures/bad/{name}.yaml"
    assert run_command(["validate", "--format", "json", path]) == 1
    captured = capsys.readouterr()
    (found,) = json.loads(captured.out)
    assert captured.err == ""
    assert list(found) == [
        "file", "line", "column", "path", "code", "severity", "message", "hint"
    ]  # fmt: skip
    assert (found["file"], found["code"], found["line"]) == (path, *EXPECTED[name])


def test_text_has_the_line_a_caret_the_hint_and_a_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["validate", "tests/fixtures/bad/misspelled-key.yaml"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "tests/fixtures/bad/misspelled-key.yaml:5:48: error[unknown-key] "
        "unknown key `max_token` in `rollout`\n"
        "  5 | rollout: {groups_per_batch: 64, group_size: 8, max_token: 2048}\n"
        "    |                                                ^^^^^^^^^\n"
        "  = help: did you mean `max_tokens`?\n"
        "1 error in 1 of 1 recipe\n"
    )


def test_the_shipped_recipes_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", "recipes/"]) == 0
    files = (ROOT / "recipes").rglob("*.yaml")
    number = sum("_base" not in path.parts for path in files)
    assert capsys.readouterr().err.startswith(f"{number} recipes are valid")


def test_github_annotations_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", "--format", "github", str(BAD / "wrong-type.yaml")]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    place = "file=tests/fixtures/bad/wrong-type.yaml,line=7,col=8,title=type"
    assert line.startswith(f"::error {place}::`steps` must be a whole number")
    odd = Diagnostic("a,b:c.yaml", 1, 1, "", "x", "error", "100%\nsure", None)
    assert (
        output.as_github(odd) == "::error file=a%2Cb%3Ac.yaml,line=1,col=1,title=x::100%25%0Asure"
    )


def test_every_variant_is_checked_and_the_same_mistake_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (BAD / "wrong-type.yaml").read_text() + "variants: {matrix: {seed: [1, 2, x]}}\n"
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    assert run_command(["validate", "--format", "json", str(recipe)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(d["code"], d["path"]) for d in found] == [("type", "steps"), ("type", "seed")]


def test_all_paths_are_checked_even_if_one_does_not_exist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["validate", "--format", "json", "nowhere", str(tmp_path)]
    assert run_command([*arguments, str(BAD / "wrong-type.yaml")]) == 1
    codes = sorted(d["code"] for d in json.loads(capsys.readouterr().out))
    assert codes == ["missing-file", "missing-file", "type"]


def test_flags_are_shown_as_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", "recipes/quickstart.yaml", "--set", "rolout.x=3"]) == 1
    assert "  1 | rolout.x=3\n    | ^^^^^^" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "column", "caret"),
    [
        ("名前: x", 1, "^^^^"),
        ("名前: x", 5, "      ^"),
        ("\tab: c", 2, "\t^^"),
        ("e\u0301: x", 5, "   ^"),
        ("a: \x1b[31m", 4, "   ^"),
        ("abc", 4, "   ^"),
    ],
)
def test_the_caret_stands_under_wide_and_odd_characters(
    source: str, column: int, caret: str
) -> None:
    diagnostic = Diagnostic("--set", 1, column, "", "x", "error", "m", None)
    lines = output.as_text(diagnostic, {"--set": [source]}).splitlines()
    assert lines[2] == f"    | {caret}"
    assert "\x1b" not in lines[1]


def test_a_long_line_is_cut_around_the_mistake() -> None:
    diagnostic = Diagnostic("--set", 1, 500, "", "x", "error", "m", None)
    _, source, caret = output.as_text(diagnostic, {"--set": ["a" * 499 + "! b"]}).splitlines()
    assert len(source) < 160
    assert source[caret.index("^")] == "!"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["vlidate", "x"], 2, "did you mean `recipe-run validate`?"),
        (["--steps", "3", "x.yaml"], 2, "Options of a run follow the recipe"),
        (["validate"], 2, "Missing argument"),
        (["nothing.yaml"], 1, "error[missing-file]"),
        (["tests/fixtures/bad/wrong-type.yaml"], 1, "error[type]"),
        (["--help"], 0, "Examples:"),
        (["--version"], 0, "recipe-run "),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == code
    captured = capsys.readouterr()
    assert words in captured.out + captured.err
    assert "Traceback" not in captured.err


def test_an_unexpected_error_says_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("recipe_runner.cli.schema.schema_text", lambda: 1 / 0)
    assert run_command(["schema"]) == 3
    assert "internal error: ZeroDivisionError" in capsys.readouterr().err
    assert run_command(["schema", "--debug"]) == 3
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.index("ZeroDivisionError: division by zero") < shown.index("internal error")


def test_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-c", "from recipe_runner.cli import main; main(['schema'])"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_no_colour_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "FORCE_COLOR" not in os.environ
    run_command(["validate", str(BAD / "wrong-type.yaml")])
    assert "\x1b" not in capsys.readouterr().err
