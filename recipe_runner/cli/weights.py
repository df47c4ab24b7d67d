"""`recipe-run weights`: checkpoints on the service."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.options import named_backend
from recipe_runner.cli.tables import columns
from recipe_runner.errors import RunnerError, UsageError

if TYPE_CHECKING:
    from recipe_runner.backends.weights import Checkpoint, Service
    from recipe_runner.runs.weights import Saved
    from schemas.backend import Backend

PATH = "tinker://"
KIBI = 1024

_dir_option = click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of the runs.",
)
_backend_option = click.option(
    "--backend",
    metavar="tinker|local|URL",
    help="Ask there; default: where the run was, or hosted Tinker.",
)
_target = click.argument("target", metavar="RUN[@STEP]|tinker://…")


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return _target(_dir_option(_backend_option(command)))


@click.group("weights")
def weights() -> None:
    """Checkpoints on the service: list, download, publish, delete."""


@weights.command("list")
@click.argument("run", required=False)
@_dir_option
@_backend_option
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def list_weights(run: str | None, root: Path, backend: str | None, output: str) -> None:
    """List the checkpoints of a run, or all that the service has of yours."""
    from recipe_runner.backends.weights import training_run_of
    from recipe_runner.runs.weights import find_saved, owners

    paths = None
    if run is not None:
        paths = [path for each in find_saved(root, run)[1] for path in each.paths]
    with _service(root, backend, paths or []) as service:
        training_runs = None if paths is None else sorted(set(map(training_run_of, paths)))
        found = service.checkpoints(training_runs)
    if paths is not None and run is not None and "@" in run:
        found = [checkpoint for checkpoint in found if checkpoint.path in paths]
    owned = owners(root)
    rows = [_row(checkpoint, owned) for checkpoint in found]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif not rows:
        click.echo("no checkpoints")
    else:
        header = ("checkpoint", "kind", "size", "saved", "expires", "public", "run")
        texts = [_texts(row) for row in rows]
        click.echo("\n".join(columns(header, texts)))


@weights.command("download")
@_target_options
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory to write the files into; a new one, or empty.",
)
def download(target: str, root: Path, backend: str | None, output: Path) -> None:
    """Write a checkpoint's weights to disk: of a LoRA, an adapter as PEFT loads it."""
    from recipe_runner.runs.weights import find_saved, latest

    named = target if target.startswith(PATH) else latest(find_saved(root, target)[1]).paths[0]
    path = _to_export(named)
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty; give a directory of its own")
    with _service(root, backend, [path]) as service:
        files = service.download(path, output)
    for file in files:
        click.echo(f"{file}  {_size(file.stat().st_size)}")


@weights.command("publish")
@_target_options
def publish(target: str, root: Path, backend: str | None) -> None:
    """Let everyone on the service load a checkpoint; a run's final one if no step is given."""
    _set_public(target, root, backend, public=True)


@weights.command("unpublish")
@_target_options
def unpublish(target: str, root: Path, backend: str | None) -> None:
    """Keep a checkpoint to yourself again."""
    _set_public(target, root, backend, public=False)


@weights.command("rm")
@_target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(target: str, root: Path, backend: str | None, yes: bool) -> None:
    """Delete a checkpoint for good; all of a run's if no step is given."""
    from recipe_runner.backends.weights import training_run_of
    from recipe_runner.runs.weights import forget, users

    paths = _paths(target, root, of_all=True)
    for path in paths:
        for run in users(root, path):
            raise UsageError(f"{run.path} is running and uses {path}; wait for it, or stop it")
    if not yes:
        _confirm_deletion(paths)
    with _service(root, backend, paths) as service:
        there = {c.path for c in service.checkpoints(sorted({training_run_of(p) for p in paths}))}
        for path in paths:
            gone = path not in there and not target.startswith(PATH)
            if not gone:
                service.delete(path)
            forget(root, path)
            click.echo(f"{path} was gone already" if gone else f"deleted {path}")


def _set_public(target: str, root: Path, backend: str | None, *, public: bool) -> None:
    from recipe_runner.backends.weights import training_run_of

    paths = _paths(target, root, of_all=False)
    with _service(root, backend, paths) as service:
        # The service answers "it is so already" with an error that the SDK retries for minutes.
        known = {c.path: c.public for c in service.checkpoints([training_run_of(paths[0])])}
        for path in paths:
            if known.get(path) is not public:
                service.publish(path, public=public)
            click.echo(f"{path} is {'public' if public else 'private'}")


def _paths(target: str, root: Path, *, of_all: bool) -> list[str]:
    """Return the paths that a target stands for: of all of a run's checkpoints, or of the last."""
    from recipe_runner.runs.weights import find_saved, latest

    if target.startswith(PATH):
        return [target]
    saved: list[Saved] = find_saved(root, target)[1]
    return [path for each in (saved if of_all else [latest(saved)]) for path in each.paths]


def _to_export(path: str) -> str:
    """Return the path to download: weights for sampling have no files, those beside them do."""
    return path.replace("/sampler_weights/", "/weights/")


def _confirm_deletion(paths: list[str]) -> None:
    listed = "\n".join(f"  {path}" for path in paths)
    if not sys.stdin.isatty():
        raise UsageError(f"this would delete for good\n{listed}\ngive --yes to do it")
    click.echo(f"This deletes for good:\n{listed}", err=True)
    if not click.confirm("Delete?", default=False):
        raise UsageError("nothing was deleted")


@contextmanager
def _service(root: Path, backend: str | None, paths: list[str]) -> Iterator[Service]:
    """Reach the service that has these checkpoints; the SDK's errors become ours."""
    from recipe_runner.backends.weights import open_service
    from recipe_runner.runs.redacted_logs import redacted_logs

    try:
        with (
            redacted_logs(),
            open_service(_chosen(root, backend, paths), root / ".local") as service,
        ):
            yield service
    except RunnerError:
        raise
    except Exception as error:
        # Imported only now that something went wrong: it names the exceptions of heavy packages.
        from recipe_runner.runs.failures import explain

        raise explain(error) from error


def _chosen(root: Path, backend: str | None, paths: list[str]) -> Backend:
    """Return the backend that was asked for, else that of the run that wrote a checkpoint."""
    from recipe_runner.runs.weights import backend_of, owners

    if backend is None:
        owned = owners(root)
        writers = [owned[path].run for path in paths if path in owned]
        return backend_of(writers[0]) if writers else "tinker"
    return named_backend(backend)


def _row(checkpoint: Checkpoint, owned: dict[str, Saved]) -> dict[str, Any]:
    owner = owned.get(checkpoint.path)
    return {
        "checkpoint": checkpoint.path,
        "kind": checkpoint.kind,
        "size_bytes": checkpoint.size_bytes,
        "saved": checkpoint.saved.isoformat(timespec="seconds"),
        "expires": checkpoint.expires and checkpoint.expires.isoformat(timespec="seconds"),
        "public": checkpoint.public,
        "run": owner.label if owner else None,
    }


def _texts(row: dict[str, Any]) -> list[str]:
    size = "" if row["size_bytes"] is None else _size(row["size_bytes"])
    return [
        row["checkpoint"],
        row["kind"],
        size,
        row["saved"],
        row["expires"] or "never",
        "yes" if row["public"] else "no",
        row["run"] or "",
    ]


def _size(num_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if num_bytes < KIBI or unit == "GiB":
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= KIBI
    raise AssertionError("the last unit has no bound")
