"""`recipe-run weights`: which checkpoints are meant, and what is refused before it is tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.backends.weights import check_whole
from recipe_runner.cli.app import run_command
from recipe_runner.errors import BackendError, UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines, write_json_lines
from recipe_runner.runs.weights import find_saved, forget, latest, owners, users

STATE = "tinker://s:train:0/weights/{}"
SAMPLER = "tinker://s:train:0/sampler_weights/{}"


def record(name: str) -> dict[str, str]:
    return {"name": name, "state_path": STATE.format(name), "sampler_path": SAMPLER.format(name)}


@pytest.fixture
def make_run(write_recipe: Callable[..., Path], tmp_path: Path) -> Callable[..., RunDirectory]:
    def make(*overrides: str, checkpoints: tuple[str, ...] = ()) -> RunDirectory:
        root = tmp_path / "runs"
        loaded = load(write_recipe(), overrides=[f"logging.dir={root}", *overrides])
        run = RunDirectory.create(make_plan(loaded, Served(kind="hosted", note="")), "")
        write_json_lines(run.checkpoints_file, map(record, checkpoints))
        return run

    return make


@pytest.fixture
def run(make_run: Callable[..., RunDirectory]) -> RunDirectory:
    return make_run(checkpoints=("000002", "final"))


@pytest.fixture
def root(run: RunDirectory) -> Path:
    return run.path.parent.parent


def weights(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = run_command(["weights", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_a_run_and_a_step_name_a_checkpoint(run: RunDirectory, root: Path) -> None:
    assert [saved.name for saved in find_saved(root, "sums")[1]] == ["000002", "final"]
    (saved,) = find_saved(root, "sums@2")[1]
    assert saved.paths == (STATE.format("000002"), SAMPLER.format("000002"))
    assert saved.label == f"sums/{run.path.name}@000002"
    (final,) = find_saved(root, f"{run.path.name}@final")[1]
    assert final == latest(find_saved(root, str(run.path))[1])
    assert owners(root)[SAMPLER.format("final")] == final


@pytest.mark.parametrize(
    ("reference", "message"),
    [("sum", "did you mean sums"), ("sums@7", "it has 000002, final"), ("zzz@final", "runs list")],
)
def test_what_is_not_there_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], root: Path, reference: str, message: str
) -> None:
    code, error = weights(capsys, "list", reference, "--dir", root)
    assert (code, message in error) == (2, True), error


@pytest.mark.parametrize("command", ["list", "download", "publish", "unpublish", "rm"])
def test_hosted_tinker_needs_a_key(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    root: Path,
    tmp_path: Path,
    command: str,
) -> None:
    monkeypatch.delenv("TINKER_API_KEY", raising=False)
    options = {"download": ["-o", str(tmp_path / "new")], "rm": ["--yes"]}
    extra = options.get(command, [])
    code, error = weights(capsys, command, "sums@final", "--dir", root, *extra)
    assert code == 4
    assert "TINKER_API_KEY is not set" in error


def test_the_backend_is_that_of_the_run(
    capsys: pytest.CaptureFixture[str], make_run: Callable[..., RunDirectory]
) -> None:
    run = make_run("backend={kind: remote, base_url: 'http://127.0.0.1:9'}", checkpoints=("final",))
    code, error = weights(capsys, "list", "sums", "--dir", run.path.parent.parent)
    assert code == 4
    assert "http://127.0.0.1:9 cannot be reached" in error


def test_deleting_without_a_terminal_takes_yes(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    code, error = weights(capsys, "rm", "sums@2", "--dir", root)
    assert code == 2
    assert STATE.format("000002") in error
    assert "--yes" in error


def test_a_checkpoint_in_use_is_not_deleted(
    capsys: pytest.CaptureFixture[str],
    make_run: Callable[..., RunDirectory],
    run: RunDirectory,
    root: Path,
) -> None:
    assert list(users(root, STATE.format("final"))) == []
    with run.lock():
        assert list(users(root, STATE.format("final"))) == [run]
        code, error = weights(capsys, "rm", "sums", "--yes", "--dir", root)
        assert (code, "is running and uses" in error) == (2, True)
    later = make_run("name=later", "model.load_from=run:sums@2")
    with later.lock():
        assert list(users(root, STATE.format("000002"))) == [later]
        assert list(users(root, SAMPLER.format("000002"))) == [later]
        assert list(users(root, STATE.format("final"))) == []


def test_a_deleted_checkpoint_leaves_the_record(run: RunDirectory, root: Path) -> None:
    forget(root, STATE.format("000002"))
    assert [each["name"] for each in read_json_lines(run.checkpoints_file)] == ["000002", "final"]
    forget(root, SAMPLER.format("000002"))
    assert [each["name"] for each in read_json_lines(run.checkpoints_file)] == ["final"]
    forget(root, "tinker://other/weights/x")
    assert [event["path"] for event in read_json_lines(run.events_file)] == [
        STATE.format("000002"),
        SAMPLER.format("000002"),
    ]


def test_a_directory_with_files_is_not_written_into(
    capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    code, error = weights(capsys, "download", "sums", "--dir", root, "-o", tmp_path / "full")
    assert (code, "is not empty" in error) == (2, True)


def test_a_backend_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert weights(capsys, "list", "--backend", "mine", "--dir", root)[0] == 2


def test_no_local_store_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, error = weights(capsys, "list", "--backend", "local", "--dir", tmp_path / "none")
    assert (code, "no local run" in error) == (2, True)
    assert not (tmp_path / "none").exists()


def test_a_file_that_was_cut_short_is_found(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "adapter_model.safetensors"
    save_file({"a": torch.zeros(3, 4), "b": torch.ones(2)}, file, {"format": "pt"})
    check_whole(file)
    whole = file.read_bytes()
    for length in (0, 5, 20, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(BackendError, match="download it again"):
            check_whole(file)


def test_a_missing_checkpoint_record_says_so(make_run: Callable[..., RunDirectory]) -> None:
    run = make_run("name=empty")
    with pytest.raises(UsageError, match="has no checkpoint"):
        find_saved(run.path.parent.parent, "empty")
