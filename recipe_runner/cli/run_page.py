"""One run on a page: what it is, what it came to, what it took, what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recipe_runner.cli.run_tables import short_duration
from recipe_runner.cli.tables import columns
from recipe_runner.runs.overview import Row
from recipe_runner.runs.registry import checkpoints_of
from recipe_runner.runs.usage import read_usage

_KEY_WIDTH = 12
# Files that a person may want to open, with what they hold.
_FILES = (
    ("recipe.yaml", "as written"),
    ("recipe", "with the files that it extends"),
    ("plan.json", "every setting, resolved"),
    ("git.diff", "what differed from the commit"),
    ("packages.txt", "all installed packages"),
    ("metrics.jsonl", "a line a step"),
    ("events.jsonl", "starts and ends"),
    ("output.log", "what the loop printed"),
)


def lines(row: Row) -> Iterator[str]:
    """Yield the lines of a run's page."""
    record = row.record
    yield f"{record['name']}/{record['id']}  {row.state}"
    for key, value in _facts(row):
        yield f"{key:<{_KEY_WIDTH}} {value}"
    for name, stage in row.stages.items():
        yield f"stage {name:<{_KEY_WIDTH - 6}} {stage.state}  {stage.steps} steps  {stage.learned}"
    yield from _titled("tokens", _usage(row))
    yield from _titled("attempts", _attempts(record["attempts"]))
    yield from _titled("checkpoints", _checkpoints(row))
    yield from _titled("files", _files(row))


def _facts(row: Row) -> Iterator[tuple[str, Any]]:
    record, summary = row.record, row.summary
    variant = f" (variant {record['variant']})" if record.get("variant") else ""
    yield "directory", row.run.path
    yield "recipe", f"{record['source']}{variant}"
    if record.get("description"):
        yield "description", record["description"]
    if record.get("tags"):
        yield "tags", ", ".join(map(str, record["tags"]))
    yield "method", row.method
    served = record.get("served", {}).get("note", "")
    yield "model", ", ".join(str(part) for part in (record.get("model"), served) if part)
    yield "seed", record.get("seed")
    yield "created", record["created"]
    if record.get("reproduces"):
        yield "reproduces", record["reproduces"]
    git = record.get("git")
    if git:
        differs = ", with changes that are not committed" if git["dirty"] else ""
        yield "commit", f"{git['commit'][:12]}{differs}"
    yield "steps", row.steps
    if row.learned:
        best = summary["best"]
        yield "result", row.learned + ("" if best is None else f", best {best:.3f}")
    for key, value in summary["tests"].items():
        yield "test", f"{key.removeprefix('test/')} {value:.4g}"
    if row.tokens:
        yield "tokens", f"{row.tokens:,}"
    if row.usd is not None:
        yield "cost", f"{row.usd:,.2f} USD by the shipped prices"
    if summary["seconds"]:
        yield "time at work", short_duration(summary["seconds"])
    yield from record.get("links", {}).items()
    if row.error:
        yield "error", row.error


def _usage(row: Row) -> Iterator[str]:
    usage = read_usage(row.run)
    if usage is None or not usage.tokens:
        return
    yield from columns(
        ("model", "prefill", "cached", "sampled", "trained"),
        [
            (name, f"{t.prefill:,}", f"{t.cached:,}", f"{t.sampled:,}", f"{t.trained:,}")
            for name, t in usage.tokens.items()
        ],
    )


def _attempts(attempts: list[dict[str, Any]]) -> Iterator[str]:
    if len(attempts) < 2:
        return
    yield from columns(
        ("started", "ended", "state", "from step"),
        [
            (each["started"], each.get("ended") or "-", each["state"], str(each["from_step"]))
            for each in attempts
        ],
    )


def _checkpoints(row: Row) -> Iterator[str]:
    for saved in checkpoints_of(row.run):
        yield f"{saved.name}  {saved.state_path or saved.sampler_path}"


def _files(row: Row) -> Iterator[str]:
    present = [(name, what) for name, what in _FILES if (row.run.path / name).exists()]
    width = max((len(name) for name, _ in present), default=0)
    for name, what in present:
        yield f"{name:<{width}}  {what}"


def _titled(title: str, body: Iterator[str]) -> Iterator[str]:
    """Yield a section, nothing where it is empty."""
    for number, line in enumerate(body):
        if not number:
            yield f"\n{title}"
        yield f"  {line}"
