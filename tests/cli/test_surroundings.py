"""The installed command where a shell has closed, filled or recoded what it prints to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import INSTALLED, environment

WRONG = "version: 1\nname: x\nmethod: sft\nmodell: 🦊\ndata: {kind: conversations, path: tälks🎉}\n"
NOT_UTF8 = os.fsdecode(b"b\xff\xfed")


def shell(line: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    variables = environment(RECIPE_RUN=str(INSTALLED), **env)
    return subprocess.run(["sh", "-c", line], cwd=cwd, env=variables, capture_output=True)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("$RECIPE_RUN schema > /dev/full", 3, "standard output cannot be written: No space"),
        ("$RECIPE_RUN schema >&-", 0, ""),
        ("$RECIPE_RUN validate wrong.yaml 2>&-", 1, ""),
        ("$RECIPE_RUN validate wrong.yaml 2>/dev/full", 3, ""),
        ("$RECIPE_RUN validate wrong.yaml <&- >&- 2>&-", 1, ""),
        ("mkdir d; cd d; rmdir ../d; $RECIPE_RUN validate x.yaml", 3, "`cd` to one"),
        ("$RECIPE_RUN init sft wrong.yaml/x.yaml", 3, "wrong.yaml is a file"),
    ],
)
def test_streams_and_places(tmp_path: Path, line: str, code: int, words: str) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG, "utf-8")
    done = shell(line, tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.decode()
    assert b"internal error" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_the_next_file_does_not_get_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "from recipe_runner.cli.streams import prepare_streams; prepare_streams(); "
        "print('printed'); print('warned', file=__import__('sys').stderr); "
        "open('metrics.jsonl', 'w').write('a step')"
    )
    done = shell(f'{sys.executable} -c "{code}" <&- >&- 2>&-', tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "metrics.jsonl").read_text() == "a step"


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "xx_YY.broken", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda locale: " ".join(locale),
)
def test_any_locale_gives_the_same_diagnostics(tmp_path: Path, locale: dict[str, str]) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG, "utf-8")
    line = "$RECIPE_RUN validate --format json wrong.yaml"
    usual, here = shell(line, tmp_path), shell(line, tmp_path, **locale)
    assert here.returncode == 1, here.stderr
    encoding = locale.get("PYTHONIOENCODING", "utf-8")
    assert json.loads(here.stdout.decode(encoding)) == json.loads(usual.stdout)
    assert any("tälks🎉" in each["message"] for each in json.loads(usual.stdout))


def test_names_that_are_not_utf8_are_refused_in_valid_json(
    tmp_path: Path, write_recipe: Callable[..., Path]
) -> None:
    directory = tmp_path / NOT_UTF8
    directory.mkdir()
    write_recipe().rename(directory / "recipe.yaml")
    for strict in ({}, {"PYTHONIOENCODING": "utf-8:strict"}):
        done = shell("$RECIPE_RUN validate --format json b*/recipe.yaml", tmp_path, **strict)
        assert done.returncode == 1, done.stderr
        (found,) = json.loads(done.stdout.decode("utf-8"))
        assert found["code"] == "encoding"
        assert os.fsencode(found["file"]) == b"b\xff\xfed/recipe.yaml"
    assert b"internal error" not in shell("$RECIPE_RUN plan b*/recipe.yaml", tmp_path).stderr
