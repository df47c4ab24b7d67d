"""docs/dependencies.md against pyproject.toml, what is installed, and what the code imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OWN = {"recipe_runner", "schemas", "tests", "benchmarks"}
# What the file of an import is called where it is not the distribution's name.
MODULES = {"gem-llm": "gem", "ruamel-yaml": "ruamel"}


def tables(heading: str) -> list[list[str]]:
    """Return the cells of the rows of a section's tables, without heads."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def wanted(requirements: list[str]) -> set[str]:
    names = {canonicalize_name(Requirement(each).name) for each in requirements}
    return names - {"recipe-run"}


def rows() -> dict[str, list[str]]:
    every = [row for heading in SECTIONS for row in tables(heading) if len(row) == 4]
    return {canonicalize_name(row[0].strip("`")): row for row in every}


EXTRAS = {
    name: requirements
    for name, requirements in PROJECT["optional-dependencies"].items()
    if name not in ("all", "dev")
}
SECTIONS = {
    "What every install has": wanted(PROJECT["dependencies"]),
    "Extras": wanted([each for extra in EXTRAS.values() for each in extra]),
    "For working on the project": wanted(PROJECT["optional-dependencies"]["dev"]),
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_package_has_a_row_and_every_row_a_package(heading: str) -> None:
    named = {canonicalize_name(row[0].strip("`")) for row in tables(heading) if len(row) == 4}
    assert named == SECTIONS[heading]


def test_every_extra_says_what_stops_without_it_and_what_to_install() -> None:
    said = {row[0].strip("`"): row[2] for row in tables("Extras") if len(row) == 3}
    assert said == {name: f"`pip install 'recipe-run[{name}]'`" for name in EXTRAS}
    everything = "\n".join(
        path.read_text("utf-8") for path in (ROOT / "recipe_runner").rglob("*.py")
    )
    doctor = (ROOT / "recipe_runner" / "cli" / "doctor.py").read_text("utf-8")
    for name in EXTRAS:
        command = f"pip install 'recipe-run[{name}]'"
        assert command in doctor
        assert everything.count(command) >= 2, f"nothing but the doctor says: {command}"


def test_every_licence_is_the_packages_own_word() -> None:
    for name, row in rows().items():
        if not _is_installed(name):  # gem-llm, on a later Python
            continue
        about = metadata.metadata(name)
        classifiers = [
            each.rpartition(" :: ")[2]
            for each in about.get_all("Classifier") or []
            if each.startswith("License ::")
        ]
        own = about["License-Expression"] or "; ".join(classifiers) or about["License"]
        assert row[2] == own, name


def test_every_package_is_imported_or_its_row_says_how_it_is_used() -> None:
    code = imports("recipe_runner") | imports("schemas")
    for name, row in rows().items():
        imported = code if name not in SECTIONS["For working on the project"] else imports("tests")
        module = MODULES.get(name, name.replace("-", "_"))
        said = row[1].startswith("not imported")
        assert (module in imported) is not said, name


def test_everything_imported_is_asked_for_or_part_of_what_is() -> None:
    parts = {
        module.strip("` "): row[1].strip("`")
        for row in tables("Imported, and part of another")
        for module in row[0].split(",")
    }
    direct = {MODULES.get(name, name.replace("-", "_")) for name in rows()}
    # Behind the extras of the Cookbook's; and a file that a judged program is put beside.
    of_extras = {"chromadb", "inspect_ai", "inspect_evals", "modal", "textarena", "verifiers"}
    of_extras |= {"testing_util"}
    found = (imports("recipe_runner") | imports("schemas")) - direct - of_extras
    assert found - set(parts) == set()
    assert set(parts) <= imports("recipe_runner") | imports("schemas")
    for module, parent in parts.items():
        assert _comes_with(module, parent), f"{module} does not come with {parent}"


@cache
def imports(folder: str) -> set[str]:
    """Return the top-level names of other people's packages that the files of a folder import."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("import_module", "importorskip")
            ):
                name = node.args[0] if node.args else None
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found.add(name.value.partition(".")[0])
    return found - set(sys.stdlib_module_names) - OWN


def _comes_with(module: str, parent: str) -> bool:
    if not _is_installed(parent):
        return True
    names = {canonicalize_name(each) for each in metadata.packages_distributions()[module]}
    seen: set[str] = set()
    pending = [canonicalize_name(parent)]
    while pending:
        name = pending.pop()
        if name in seen or not _is_installed(name):
            continue
        seen.add(name)
        pending += [
            canonicalize_name(Requirement(each).name)
            for each in metadata.requires(name) or []
            if "extra ==" not in each
        ]
    return bool(names & seen)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
