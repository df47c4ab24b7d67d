"""Old versions are rewritten step by step, comments kept; what cannot be is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.language.migrations import MigrationError, migrated

OLD = """\
# an old recipe
version: -1
rollouts: {groups: 4}  # per step
"""


def rename_rollouts(tree: Any) -> None:
    tree["rollout"] = tree.pop("rollouts")


def rename_groups(tree: Any) -> None:
    tree["rollout"]["groups_per_batch"] = tree["rollout"].pop("groups")


def test_steps_run_in_order_and_comments_stay() -> None:
    text, version = migrated(OLD, steps={-1: rename_rollouts, 0: rename_groups}, latest=1)
    assert version == -1
    assert text.startswith("# an old recipe\nversion: 1\n")
    assert "rollout: {groups_per_batch: 4}" in text


def test_a_recipe_of_the_latest_version_stays_as_it_is_to_the_last_byte(root: Path) -> None:
    text = (root / "recipes/gem_math.yaml").read_text()
    assert migrated(text) == (text, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 0\n", "no step from version 0"),
        ("version: 9\n", "of version 9"),
        ("name: a\n", "no `version`"),
        ("- 1\n", "no `version`"),
        ("a: [\n", "not YAML"),
    ],
)
def test_what_cannot_be_migrated_is_said(text: str, words: str) -> None:
    with pytest.raises(MigrationError, match=words):
        migrated(text)


def test_the_command(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["migrate", str(root / "recipes/gem_math.yaml")]) == 0
    assert "is of version 1 already" in capsys.readouterr().out
    old = tmp_path / "old.yaml"
    old.write_text("version: 0\n")
    assert run_command(["migrate", str(old)]) == 1
    assert "no step" in capsys.readouterr().err
    assert old.read_text() == "version: 0\n"
