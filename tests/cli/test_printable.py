"""Text from a stranger's recipe reaches no terminal, and no CI that reads commands, as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.cli import output
from recipe_runner.cli.app import run_command
from recipe_runner.cli.tables import columns, one_line
from recipe_runner.language import Diagnostic
from recipe_runner.printable import REPLACEMENT, is_unsafe, printable, printable_lines

# A terminal's title, its colours in one byte, an override of direction, an isolate, ends of lines,
# half of a character, a mark of a byte order.
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202eabc\u2066\u2028\x85\r\n\ud800\ufeff\x08"
ANY = st.text(st.characters(codec=None) | st.sampled_from(HOSTILE), max_size=40)


def diagnostic(text: str, *, file: str = "--set", column: int = 1) -> Diagnostic:
    return Diagnostic(file, 1, column, text, "unknown-key", "error", text, text)


@pytest.mark.parametrize("character", sorted(set(HOSTILE) - set("owned031mabc];")))
def test_what_a_terminal_obeys_is_replaced(character: str) -> None:
    assert is_unsafe(character)
    assert printable(f"a{character}b") == f"a{REPLACEMENT}b"


def test_what_it_shows_is_kept() -> None:
    text = "名前\té e\u0301 می\u200cخواهم 👩\u200d🔬 %0A ::set-output"
    assert printable(text) == text
    assert printable_lines("a\nb\x1b") == f"a\nb{REPLACEMENT}"


@given(ANY, st.integers(1, 41))
def test_text_has_its_lines_and_a_caret_whatever_is_in_it(text: str, column: int) -> None:
    shown = output.as_text(diagnostic(text, column=column), {"--set": [text]})
    lines = shown.split("\n")
    assert [line[:6] for line in lines[1:3]] == ["  1 | ", "    | "]
    assert len(lines) == 4
    assert not any(is_unsafe(c) for line in lines for c in line)
    assert lines[2].lstrip(" |\t")[:1] == "^"


@pytest.mark.parametrize("odd", ["\u202e", "\u200b", "\ufeff", "\x1b", "\x9b", "\u2028"])
def test_the_caret_stands_under_the_mistake_behind_odd_characters(odd: str) -> None:
    source = f"a{odd}b: wrong"
    shown = output.as_text(diagnostic("m", column=6), {"--set": [source]}).split("\n")
    assert shown[1][shown[2].index("^") :] == "wrong"
    assert shown[2].endswith("^" * 5)


@given(ANY, ANY)
def test_an_annotation_is_one_line_and_one_command(text: str, file: str) -> None:
    annotation = output.as_github(diagnostic(text, file=file))
    assert len(annotation.splitlines()) == 1
    assert annotation.startswith("::error file=")
    place, _, message = annotation.removeprefix("::error ").partition("::")
    assert place.count(",") == 3
    assert place.endswith("line=1,col=1,title=unknown-key")
    assert not any(is_unsafe(c) for c in annotation)
    plain = message.replace("%0A", "\n").replace("%25", "%")
    assert plain == f"{printable_lines(text)}\n{printable(text)}"


@pytest.mark.parametrize(
    "text",
    [
        "x\n::set-output name=a::b",
        "x\r::add-mask::y",
        "x%0A::error::y",
        "::stop-commands::t",
        "\x85::",
    ],
)
def test_no_command_gets_into_an_annotation(text: str) -> None:
    (line,) = output.as_github(diagnostic(text)).splitlines()
    shown = printable_lines(text).replace("%", "%25").replace("\n", "%0A")
    hint = printable(text).replace("%", "%25")
    place = "::error file=--set,line=1,col=1,title=unknown-key::"
    assert line == f"{place}{shown}%0A{hint}"


@given(st.lists(st.tuples(ANY, ANY)))
def test_json_is_ascii_and_comes_back(texts: list[tuple[str, str]]) -> None:
    found = [diagnostic(text, file=file) for text, file in texts]
    written = output.as_json(found)
    assert written.isascii()
    assert not any(is_unsafe(c) for c in written if c != "\n")
    assert json.loads(written) == [each.as_dict() for each in found]


def test_a_hostile_recipe_is_refused_in_safe_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = r"\e]0;owned\a\x9b31m\u202e\u2028"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f'version: 1\n"{hostile}": 1\nmethod: "{hostile}"\n"\u202ekey": 1\n')
    for form in ("text", "json", "github"):
        assert run_command(["validate", "--format", form, str(recipe)]) == 1
        captured = capsys.readouterr()
        printed = captured.out + captured.err
        assert "unknown" in printed or "version" in printed
        assert not any(is_unsafe(c) for c in printed if c != "\n")


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_a_flag_that_is_no_text_is_refused_in_words(form: str, root: Path) -> None:
    """A byte that is not UTF-8 comes as half of a character, which no stream takes."""
    command = "from recipe_runner.cli import main; main()"
    done = subprocess.run(
        [
            *(sys.executable, "-c", command, "validate", "--format", form),
            *("recipes/quickstart.yaml", "--set", b"steps=\xff\xfe"),
        ],
        cwd=root,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"internal error" not in done.stderr


def test_cells_and_values_are_printable() -> None:
    assert list(columns(["A"], [["\x1b[31m"]])) == ["A", f"{REPLACEMENT}[31m"]
    assert one_line("a\x1b") == f"a{REPLACEMENT}"


def test_an_errors_words_are_printable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["runs", "show", "\x1b[31mred\u202e", "--dir", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "there is no run" in printed
    assert not any(is_unsafe(c) for c in printed if c != "\n")
