"""Links that somebody left among the runs: nothing is written, and nothing removed, through one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.errors import UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.execute import execute, resume
from recipe_runner.runs.removal import remove

Listing = dict[str, bytes]


@pytest.fixture
def plan(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Plan:
    monkeypatch.chdir(tmp_path)
    loaded = load(write_recipe(), overrides=["backend=local", "logging.dir=runs"])
    return make_plan(loaded, Served(kind="shipped", note=""))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("theirs")
    return outside


def content(directory: Path) -> Listing:
    return {str(p): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def refused(plan: Plan, link: str) -> None:
    with pytest.raises(UsageError, match="symbolic link") as raised:
        execute(plan, "", announce=print)
    assert link in str(raised.value)
    assert "logging.dir" in str(raised.value)


def test_a_name_that_is_a_link_out_is_not_written_through(plan: Plan, outside: Path) -> None:
    Path("runs").mkdir()
    Path("runs/sums").symlink_to(outside)
    before = content(outside)
    refused(plan, "runs/sums")
    assert content(outside) == before


def test_a_run_that_is_a_link_out_is_not_written_through(plan: Plan, outside: Path) -> None:
    made = RunDirectory.create(plan, "")
    moved = made.path.rename(outside / made.path.name)
    made.path.symlink_to(moved)
    before = content(outside)
    refused(plan, str(made.path))
    with pytest.raises(UsageError, match="symbolic link"):
        resume(made, announce=print)
    assert content(outside) == before


@pytest.mark.parametrize(
    "name",
    [".lock", "run.json", "metrics.jsonl", "events.jsonl", "output.log", "recipe", "stages", "new"],
)
def test_a_file_that_is_a_link_out_is_not_written_through(
    plan: Plan, outside: Path, name: str
) -> None:
    made = RunDirectory.create(plan, "")
    if name == "run.json":
        (outside / "run.json").write_bytes(made.manifest_file.read_bytes())
        made.manifest_file.unlink()
        made.manifest_file.symlink_to(outside / "run.json")
    else:
        target = outside / "kept" / ("" if name in ("recipe", "stages") else "file")
        (made.path / name).symlink_to(target)
    before = content(outside)
    refused(plan, f"{made.path}/{name}")
    assert content(outside) == before


def test_links_within_the_runs_and_those_of_a_library_are_fine(plan: Plan, outside: Path) -> None:
    made = RunDirectory.create(plan, "")
    made.path.with_name("latest").symlink_to(made.path.name)
    (made.path / "latest.log").symlink_to("output.log")
    (made.path / "wandb" / "run").mkdir(parents=True)
    (made.path / "wandb" / "run" / "debug-core.log").symlink_to(outside / "kept" / "file")
    with made.lock():
        assert made.is_locked()


def test_the_directory_of_all_runs_may_be_a_link(plan: Plan, outside: Path) -> None:
    Path("runs").symlink_to(outside)
    with RunDirectory.create(plan, "").lock():
        assert len(list(outside.glob("sums/*/run.json"))) == 1


def test_removing_a_link_leaves_what_it_leads_to(
    plan: Plan, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = RunDirectory.create(plan, "")
    moved = made.path.rename(outside / made.path.name)
    made.path.symlink_to(moved)
    before = content(outside)
    assert run_command(["runs", "rm", f"sums/{made.path.name}", "--yes"]) == 0
    assert str(moved) in capsys.readouterr().out
    assert not made.path.is_symlink()
    assert content(outside) == before


def test_removing_a_run_removes_the_links_in_it_alone(plan: Plan, outside: Path) -> None:
    made = RunDirectory.create(plan, "")
    (made.path / ".lock").symlink_to(outside / "kept" / "file")
    (made.path / "data").symlink_to(outside / "kept")
    made.path.with_name(".removed-before").symlink_to(outside)
    before = content(outside)
    remove(made)
    assert not made.path.parent.exists()
    assert content(outside) == before


def test_a_run_below_a_link_out_is_not_removed(plan: Plan, outside: Path) -> None:
    made = RunDirectory.create(plan, "")
    made.path.parent.rename(outside / "sums")
    Path("runs/sums").symlink_to(outside / "sums")
    before = content(outside)
    with pytest.raises(UsageError, match="symbolic link"):
        remove(made)
    assert content(outside) == before


@pytest.mark.parametrize("name", ["..", ".", "../up", "a/b", "/abs", ".hidden", "a\\n", ""])
def test_no_name_climbs_out(write_recipe: Callable[..., Path], name: str) -> None:
    path = write_recipe()
    path.write_text(path.read_text().replace("name: sums", f'name: "{name}"'))
    assert run_command(["validate", str(path)]) == 1


@pytest.mark.parametrize("output", ["../a.jsonl", "/a.jsonl", "a/b.jsonl", "..jsonl", ".jsonl"])
def test_no_output_climbs_out(write_recipe: Callable[..., Path], output: str) -> None:
    text = (
        "version: 1\nmethod: generate\nmodel: {name: Qwen/Qwen3-8B}\nsampling: {max_tokens: 8}\n"
        "data: {kind: prompts, path: talks.jsonl}\n"
    )
    assert run_command(["validate", str(write_recipe(text))]) == 0
    assert run_command(["validate", str(write_recipe(text + f'output: "{output}"\n'))]) == 1


@pytest.mark.parametrize("stage", ["..", "a/b", ".", "/a", "a.b"])
def test_no_stage_climbs_out(write_recipe: Callable[..., Path], stage: str) -> None:
    write_recipe(name="one.yaml")
    text = 'version: 1\nmethod: pipeline\nstages: {"%s": {recipe: one.yaml}}\n'
    assert run_command(["validate", str(write_recipe(text % "fine", "all.yaml"))]) == 0
    assert run_command(["validate", str(write_recipe(text % stage, "all.yaml"))]) == 1


def test_the_name_of_a_variants_runs_stays_one_directory(write_recipe: Callable[..., Path]) -> None:
    path = write_recipe()
    path.write_text(path.read_text() + "variants: {matrix: {description: [../../up, /abs, ..]}}\n")
    for variant in ("description=../../up", "description=/abs", "description=.."):
        name = load(path, variant=variant).recipe.name
        assert "/" not in name
        assert name not in ("", ".", "..")
