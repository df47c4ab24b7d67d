"""The script around a configuration."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from recipe_runner.catalog.models import SHIPPED_MODEL
from recipe_runner.compile.job import Job
from recipe_runner.compile.script.calls import Call
from recipe_runner.compile.script.source import WIDTH, Imports, joined, source
from recipe_runner.compile.script.standalone import Standalone, standalone
from recipe_runner.errors import UsageError
from recipe_runner.planning.marked import data_files, model_names
from recipe_runner.planning.plan import Plan
from recipe_runner.user_code import load_object


def script(plan: Plan, job: Job, *, written: str) -> str:
    """Return a script that runs a job with the Cookbook alone.

    Args:
        written: the recipe's text; paths are absolute in the script only where they are in it.

    Raises:
        UsageError: with the reasons, where the Cookbook alone cannot do it.
    """
    if SHIPPED_MODEL in model_names(plan.recipe):
        raise UsageError(
            f"model: {SHIPPED_MODEL} comes with recipe-run, and no other service has it; export "
            "with --set model.name=…"
        )
    found = standalone(job)
    imports = Imports()
    body = list(_body(found, imports, _relative(plan, written)))
    return joined([*_header(plan, found), *_import_lines(imports, found), "", "", *body])


def _relative(plan: Plan, written: str) -> dict[str, str]:
    """Return, for the data files that are elsewhere, their paths from the working directory."""
    paths = [str(path) for path in data_files(plan.recipe)]
    return {p: os.path.relpath(p) for p in paths if os.path.isabs(p) and p not in written}


def _header(plan: Plan, found: Standalone) -> Iterator[str]:
    recipe = plan.recipe
    variant = f", variant {plan.variant}" if plan.variant else ""
    title = f"{recipe.name}: {recipe.description}" if recipe.description else recipe.name
    yield from _wrapped('"""' + title.rstrip("."), "")
    yield ""
    yield from _wrapped(f"The configuration of the recipe {os.path.basename(plan.source)}{variant}")
    yield f"(plan {plan.hash[:16]}), as recipe-run {version('recipe-run')} wrote it."
    yield f"Needs: pip install tinker-cookbook=={version('tinker-cookbook')}"
    for module in found.modules:
        yield f"And {module}, which is yours: run this where it can be imported."
    notes = [*found.notes, *_around(plan)]
    if notes:
        yield ""
        yield "Not as with recipe-run:"
    for note in notes:
        yield from _wrapped(f"- {note}", "  ")
    yield '"""'
    yield ""


def _around(plan: Plan) -> Iterator[str]:
    """Yield what of a recipe is no part of a configuration."""
    recipe = plan.recipe
    if recipe.budget is not None:
        yield "the budget is not held"
    if recipe.backend == "local":
        yield "it runs where TINKER_BASE_URL says; `recipe-run serve` prints such an address"
    if recipe.logging.trackio is not None:
        yield "nothing is logged to Trackio"
    if recipe.logging.wandb is not None and recipe.logging.wandb.mode == "offline":
        yield "W&B is offline only with WANDB_MODE=offline"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False)


def _import_lines(imports: Imports, found: Standalone) -> list[str]:
    lines = imports.lines()
    asynchronous = _is_async(found)
    standard = ["import asyncio"] if asynchronous else []
    standard += [line for line in lines if line.startswith("from functools ")]
    others = [line for line in lines if line not in standard]
    return [*standard, *([""] if standard else []), *others]


def _is_async(found: Standalone) -> bool:
    return inspect.iscoroutinefunction(load_object(found.entry))


def _body(found: Standalone, imports: Imports, relative: dict[str, str]) -> Iterator[str]:
    for whole in (found.entry, found.config.function, "tinker_cookbook.cli_utils:"):
        imports.whole(whole.partition(":")[0])
    main, kind = imports.name(found.entry), imports.name(found.config.function)
    yield from _function("config", found.config, imports, relative)
    if found.data is not None:
        yield from _function("data", found.data, imports, relative)
        yield f"async def run(settings: {kind}) -> None:"
        yield "    train, _ = await data()()"
        yield f"    await {main}(settings, train)"
        yield from ("", "")
    start = f"{main}(settings)" if found.data is None else "run(settings)"
    yield 'if __name__ == "__main__":'
    yield "    settings = config()"
    yield '    cli_utils.check_log_dir(settings.log_path, behavior_if_exists="ask")'
    yield f"    asyncio.run({start})" if _is_async(found) else f"    {start}"


def _function(name: str, call: Call, imports: Imports, relative: dict[str, str]) -> Iterator[str]:
    made = source(_paths(call, relative), imports, indent="    ", used=len("return "))
    yield f"def {name}() -> {imports.name(call.function)}:"
    yield f"    return {made}"
    yield from ("", "")


def _paths(value: Any, relative: dict[str, str]) -> Any:
    """Return a call with other paths in it."""
    if isinstance(value, Call):
        arguments = {key: _paths(each, relative) for key, each in value.arguments.items()}
        return Call(value.function, arguments, later=value.later)
    if isinstance(value, list | tuple):
        return type(value)(_paths(each, relative) for each in value)
    return relative.get(value, value) if isinstance(value, str) else value
