from __future__ import annotations

import os
from pathlib import Path

import pytest

from recipe_runner.language import RecipeError, load
from recipe_runner.language.scalars import resolve_plain

BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    + [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]" for i in range(8)]
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-5", 2e-5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0o14", 12),
        ("0x1F", 31),
        ("014", 14),
        ("no", "no"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("true", True),
        ("True", True),
        ("TrUe", "TrUe"),
        ("~", None),
        ("", None),
        ("-", "-"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    resolved = resolve_plain(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("", "empty", 1, 1),
        ("# only a comment\n", "empty", 1, 1),
        ("- 1\n", "not-a-mapping", 1, 1),
        ("hello", "not-a-mapping", 1, 1),
        (b"version: 1\nname: \xff", "encoding", 2, 7),
        ("version: 1".encode("utf-16"), "encoding", 1, 1),
        (b"a: \0", "encoding", 1, 1),
        ("version: 1\n model: x\n", "syntax", 2, 7),
        ("version: 1\nmodel:\n\tname: x\n", "syntax", 3, 1),
        ("version: 1\nname: \x01\n", "syntax", 2, 7),
        ('version: 1\nname: "\\UFFFFFFFF"\n', "syntax", 2, 8),
        ("version: 1\n---\nversion: 1\n", "syntax", 2, 1),
        ("%YAML 1.1\n---\nversion: 1\n", "syntax", 2, 1),
        (BOMB, "alias-limit", 3, 40),
        ("a: " + "[" * 2000 + "]" * 2000, "depth", 1, 44),
    ],
)
def test_unreadable_text_is_one_diagnostic_at_its_place(
    problems, text: str | bytes, code: str, line: int, column: int
) -> None:
    (only,) = problems(text)
    assert (only.code, only.line, only.column, only.file) == (code, line, column, "recipe.yaml")


def test_what_is_no_recipe_file_is_a_diagnostic(here: Path) -> None:
    os.mkfifo("pipe.yaml")
    (here / "folder.yaml").mkdir()
    (here / "large.yaml").write_text("a: 1\n" * 2_000_000)
    (here / "recipe.yaml").write_text("")
    expected = {
        "pipe.yaml": "unreadable",
        "folder.yaml": "unreadable",
        "/dev/zero": "unreadable",
        "a\0b": "unreadable",
        "large.yaml": "too-large",
        "nothing.yaml": "missing-file",
        "recipe.yml": "missing-file",
    }
    for path, code in expected.items():
        with pytest.raises(RecipeError) as caught:
            load(path)
        assert [d.code for d in caught.value.diagnostics] == [code]
    assert caught.value.diagnostics[0].hint == "did you mean recipe.yaml?"


def test_duplicate_keys_are_all_reported_and_do_not_hide_other_mistakes(problems, base) -> None:
    found = problems(base + "steps: 3\nmodel: {name: a, name: b}\nsubsteps: x\n")
    assert [(d.code, d.path, d.line) for d in found] == [
        ("duplicate-key", "steps", 8),
        ("duplicate-key", "model", 9),
        ("duplicate-key", "model.name", 9),
        ("type", "substeps", 10),
    ]


def test_keys_must_be_text(problems, base: str) -> None:
    found = problems(base + "1: x\n? [a]\n: b\ntrue: c\n")
    assert [(d.code, d.line) for d in found] == [("type", 8), ("type", 9), ("type", 11)]


def test_tags_are_refused_and_an_anchor_may_be_used(problems, load_text, base: str) -> None:
    (found,) = problems(base + "seed: !!python/name:os.system x\n")
    assert (found.code, found.line, found.column) == ("tag", 8, 7)
    loaded = load_text(base + "tags: &t [a]\nlogging: {wandb: {project: p, tags: *t}}\n")
    assert loaded.recipe.logging.wandb.tags == ["a"]


def test_a_byte_order_mark_does_not_move_columns(problems, base: str) -> None:
    (found,) = problems(b"\xef\xbb\xbfsteeps: 3\n" + base.encode())
    assert (found.line, found.column) == (1, 1)
