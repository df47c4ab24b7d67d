"""What the light commands import, and that imports point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "torch", "transformers", "tinker", "tinker_cookbook", "gem", "reasoning_gym", "datasets",
    "numpy", "wandb", "rich", "jinja2", "starlette", "uvicorn", "safetensors", "asyncio",
}  # fmt: skip
# Those that may import heavy packages at all; cli and runs get at them through these.
HEAVY_PLACES = ("compile", "envs", "loops", "backends/local")
HEAVY_PACKAGES = {"torch", "transformers", "tinker", "tinker_cookbook", "gem"}

# And these, each inside a function that is called only when its package is loaded anyway.
ALSO_HEAVY = {
    "recipe_runner/backends/billing.py": "asks the service through the SDK, once it is used",
    "recipe_runner/backends/hosted.py": "asks the SDK where the hosted service is, once it is used",
    "recipe_runner/backends/weights.py": "asks the service through the SDK, once it is used",
    "recipe_runner/catalog/refresh_evaluations.py": "a script that rewrites the catalog's data",
    "recipe_runner/catalog/refresh_gem.py": "a script that rewrites the catalog's data",
    "recipe_runner/catalog/refresh_models.py": "a script that rewrites the catalog's data",
    "recipe_runner/runs/failures.py": "names the exceptions of a loop that has just failed",
    "recipe_runner/runs/loggers.py": "hooks into the Cookbook's logger while a loop runs",
    "recipe_runner/runs/lost.py": "names the exceptions of a loop that has lost its service",
    "recipe_runner/runs/waiting.py": "reads the SDK's own answers while a loop runs",
}

# A package may import those of lower rank, and those of its own rank only where it is alone.
RANKS = {
    "schemas": 0,
    "errors": 0,
    "printable": 0,
    "quoting": 0,
    "isolation": 0,
    "refused": 0,
    "user_code": 1,
    "versions": 1,
    "jsonl": 1,
    "language": 1,
    "catalog": 1,
    "planning": 2,
    "envs": 3,
    "loops": 3,
    "compile": 4,
    "backends": 4,
    "runs": 5,
    "sweeps": 6,
    "reports": 6,
    "cli": 7,
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "recipes/quickstart.yaml"],
        ["validate", "tests/fixtures/bad/misspelled-key.yaml"],
        ["--help"],
        ["validate", "--help"],
        ["schema"],
        ["models", "qwen"],
        ["envs", "game:"],
        ["variants", "recipes/quickstart.yaml"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from recipe_runner.cli.app import run_command; "
        f"run_command({arguments!r}); print('MODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    modules = done.stdout.rpartition("MODULES")[2].split()
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()


def sources() -> list[Path]:
    return sorted([*(ROOT / "recipe_runner").rglob("*.py"), *(ROOT / "schemas").glob("*.py")])


def imported(path: Path) -> list[str]:
    """Return the modules that a file imports anywhere, those for type checkers left out."""
    names: list[str] = []
    pending: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, [*_above(path, node.level), node.module]))
            names += [f"{module}.{alias.name}" for alias in node.names]
        pending.extend(ast.iter_child_nodes(node))
    return names


def _above(path: Path, level: int) -> tuple[str, ...]:
    """Return the package that a relative import of this level starts from."""
    return path.relative_to(ROOT).parts[:-level] if level else ()


def package_of(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] == "schemas":
        return "schemas"
    return parts[1] if parts[0] == "recipe_runner" and len(parts) > 1 else None


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    relative = path.relative_to(ROOT).with_suffix("")
    own = package_of(".".join(relative.parts))
    if own == "__init__":
        return
    for name in imported(path):
        other = package_of(name)
        if other is None or other == own:
            continue
        assert other in RANKS, f"{relative} imports {name}"
        assert RANKS[other] < RANKS[own or ""], f"{relative} imports {name}"


def _top_level_imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(str(node.module))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_four_places_import_heavy_packages(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith(tuple(f"recipe_runner/{place}" for place in HEAVY_PLACES)):
        return
    if relative in ALSO_HEAVY:
        assert not _top_level_imports(path) & HEAVY_PACKAGES
        return
    heavy = {name.split(".")[0] for name in imported(path)} & HEAVY_PACKAGES
    assert heavy == set(), f"{relative} imports {heavy}"
