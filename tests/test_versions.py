"""Versions that the tests do not run with are named, and blamed where an error comes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import pytest

from recipe_runner.versions import TESTED, blamed_on_versions, other_versions, untested
from tests.e2e.command import INSTALLED, environment

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _looked_up_anew() -> Iterator[None]:
    other_versions.cache_clear()
    yield
    other_versions.cache_clear()


def older(directory: Path, package: str, version: str, source: str = "") -> None:
    """Install a package of that version, with this source, in front of the real one."""
    about = directory / f"{package.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    if source:
        (directory / f"{package.replace('-', '_')}.py").write_text(source)


def test_they_are_those_that_the_tests_run_with() -> None:
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    names = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    assert {package: names[package] for package in TESTED} == dict(TESTED)
    assert other_versions() == ()


def test_another_version_is_named_with_the_one_that_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, "tinker", "0.36.0")
    monkeypatch.syspath_prepend(tmp_path)
    found = untested("tinker")
    assert str(found) == f"tinker is 0.36.0, and the tests run with {TESTED['tinker']}"
    assert [each.package for each in other_versions()] == ["tinker"]


def test_an_error_of_another_version_names_it_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, "wandb", "0.1", "def init(): ...")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    module = import_module("wandb")
    monkeypatch.delitem(sys.modules, "wandb")
    with pytest.raises(AttributeError) as gone:
        module.finish()
    words = blamed_on_versions(gone.value)
    assert words is not None
    assert words.endswith(f"pip install 'wandb=={TESTED['wandb']}'")
    assert blamed_on_versions(ValueError("of its own")) is None
    assert blamed_on_versions(AttributeError("of our own")) is None


def test_a_package_that_is_not_there_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    gone = ModuleNotFoundError("No module named 'gem.utils'", name="gem.utils")
    tested = TESTED["gem-llm"]
    assert blamed_on_versions(gone) == f"gem-llm is not installed: pip install 'gem-llm=={tested}'"


def test_a_package_without_its_other_half_is_no_traceback(tmp_path: Path) -> None:
    """As where one of two that belong together was upgraded: it raises as it is imported."""
    broken = "raise SystemError('pydantic-core is incompatible')"
    for package, source in (("pydantic", broken), ("click", "")):
        older(tmp_path / package, package, "0.1", source or "raise ImportError('half')")
        done = subprocess.run(
            [str(INSTALLED), "validate", str(ROOT / "recipes" / "quickstart.yaml")],
            env=environment(PYTHONPATH=str(tmp_path / package)),
            capture_output=True,
            text=True,
        )
        assert done.returncode in (1, 3)
        assert f"pip install '{package}=={TESTED[package]}'" in done.stderr
        assert "Traceback" not in done.stderr
