"""Each example in docs/errors.md gives the code that it stands under, or none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from recipe_runner.language import Diagnostic, RecipeError, load
from recipe_runner.planning.checks import check

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
SECTIONS = re.findall(r"^### `([a-z-]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (code, kind, text)
    for code, body in SECTIONS
    for kind, text in re.findall(r"```yaml (bad|good)\n(.*?)```", body, re.DOTALL)
]


def diagnostics(text: str) -> list[Diagnostic]:
    Path("recipe.yaml").write_text(text)
    try:
        return check(load("recipe.yaml"))
    except RecipeError as error:
        return error.diagnostics


def completed(part: str, base: str) -> str:
    """Return the part with the lines of the base whose keys it does not have.

    One with a method of its own is a whole recipe.
    """
    if re.search(r"^method:", part, re.MULTILINE):
        return part
    own = set(re.findall(r"^(\w+):", part, re.MULTILINE))
    kept = [line for line in base.splitlines() if line.partition(":")[0] not in own]
    return "\n".join(kept) + "\n" + part


@pytest.mark.parametrize(("code", "kind", "text"), EXAMPLES)
def test_an_example_is_what_it_says(here: Path, base: str, code: str, kind: str, text: str) -> None:
    (here / "conversations.jsonl").write_text('{"messages": []}\n' * 24)
    found = {d.code for d in diagnostics(completed(text, base)) if d.severity == "error"}
    assert found == ({code} if kind == "bad" else set())


def test_every_code_is_documented() -> None:
    documented = {code for code, _ in SECTIONS} | set(re.findall(r"^\| `([a-z-]+)`", PAGE, re.M))
    used: set[str] = set()
    for folder in ("language", "planning", "runs"):
        for path in (ROOT / "recipe_runner" / folder).rglob("*.py"):
            used |= codes_in(path)
    assert used == documented


def codes_in(path: Path) -> set[str]:
    """Return the codes of a file: the words of the third kind of argument that reports take."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            position = POSITION_OF_CODE.get(name)
            if position is not None and len(node.args) > position:
                found |= words_in(node.args[position])
        elif path.name == "files.py" and isinstance(node, ast.Return):
            found |= words_in(node.value.elts[0]) if isinstance(node.value, ast.Tuple) else set()
    return found


def words_in(node: ast.expr) -> set[str]:
    """Return the words that an expression may be; those passed on are found at their source."""
    branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    return {str(b.value) for b in branches if isinstance(b, ast.Constant)}


# Which argument of a function that reports a mistake is its code.
POSITION_OF_CODE = {"add": 2, "_fail": 1, "_refuse": 1, "diagnostic": 1}
