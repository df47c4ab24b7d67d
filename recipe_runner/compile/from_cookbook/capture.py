"""A command is called with its training loop taken out, and tells what it would have run.

It runs in this process and needs no key and no network: what it would ask the service for (the
renderer on a checkpoint's record), and the data that it would load beforehand, are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import chz
from chz.blueprint import (
    ConstructionException,
    EntrypointHelpException,
    ExtraneousBlueprintArg,
    InvalidBlueprintArg,
    MissingBlueprintArg,
)
from tinker_cookbook import checkpoint_utils, cli_utils
from tinker_cookbook.model_info import get_recommended_renderer_name

from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.from_cookbook import gem
from recipe_runner.compile.from_cookbook.commands import (
    COMMANDS,
    Blueprint,
    Gem,
    Loop,
    Made,
    Pipeline,
    Settings,
)
from recipe_runner.compile.from_cookbook.draft import Tree
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.compile.from_cookbook.sdft import DATA
from recipe_runner.compile.job import Job
from recipe_runner.errors import UsageError
from schemas.base import stage_checkpoint

_WRONG_ARGUMENTS = (
    ConstructionException,
    ExtraneousBlueprintArg,
    InvalidBlueprintArg,
    MissingBlueprintArg,
)
# Stage of the Cookbook's RLHF -> its loop, in the order in which they run.
_STAGES = ("sft", "rm", "rl")


class _Captured(BaseException):
    """Carries a configuration out of the command's main function."""

    def __init__(self, config: Any, data: Any) -> None:
        self.config = config
        self.data = data


def capture(module: str, arguments: Sequence[str]) -> Original:
    """Return what `python -m module key=value…` would hand to its loop.

    Raises:
        UsageError: if the command refuses its arguments, or cannot be imported here.
    """
    with _blamed(module), contextlib.redirect_stdout(sys.stderr), _apart():
        return _capture(module, list(arguments))


def _capture(module: str, arguments: list[str]) -> Original:
    command = COMMANDS[module]
    if isinstance(command, Gem):
        return _of_gem(command, arguments)
    code = importlib.import_module(module)
    if isinstance(command, Blueprint):
        make = getattr(code, command.function)
        name = cli_utils.model_name_from_argv(arguments, default=code.DEFAULT_MODEL_NAME)
        return _alone(_made(make(name), arguments))
    if isinstance(command, Settings):
        return _alone(_made(chz.Blueprint(getattr(code, command.class_name)), arguments))
    settings = _made(chz.Blueprint(code.CLIConfig), arguments)
    if isinstance(command, Made):
        return _original(getattr(code, command.function)(settings), settings)
    if isinstance(command, Pipeline):
        return _stages(code, settings)
    assert isinstance(command, Loop)
    return _of_loop(code, command, settings)


def _of_gem(command: Gem, arguments: list[str]) -> Original:
    if not command.with_cookbook:
        return _alone(_made(chz.Blueprint(gem.LoopSettings), arguments))
    settings = _made(chz.Blueprint(gem.CookbookSettings), arguments)
    config = gem.cookbook_config(settings)
    return Original("tinker_cookbook.rl.train:Config", config, _fields(settings))


def _of_loop(code: Any, command: Loop, settings: Any) -> Original:
    def captured(config: Any, *more: Any, **_: Any) -> None:
        raise _Captured(config, more[0] if more else None)

    place, _, name = command.loop.partition(":")
    try:
        with _replaced(importlib.import_module(place), name, captured):
            _run(getattr(code, command.main), settings, *command.more)
    except _Captured as found:
        return _original(found.config, settings, found.data)
    raise UsageError(f"{code.__name__} ended before its loop; this version cannot be imported")


def _stages(code: Any, settings: Any) -> Original:
    """Return the three configurations of RLHF; what a stage leaves is named as recipes name it."""
    found: list[Any] = []

    async def captured(config: Any) -> None:
        found.append(config)

    def left(log_path: str, *_: Any, **__: Any) -> Any:
        paths = stage_checkpoint(log_path.rpartition("/")[2])
        return SimpleNamespace(state_path=paths, sampler_path=paths)

    chosen = [name for name in _STAGES if getattr(settings, f"run_{name}")]
    if "rl" in chosen and len(chosen) < len(_STAGES):
        raise UsageError(
            "run_rl alone starts from what earlier runs of this command left: import all three "
            "stages, and put their checkpoints into `load_from` of the last"
        )
    with ExitStack() as stack:
        for place in ("tinker_cookbook.supervised.train", "tinker_cookbook.rl.train"):
            stack.enter_context(_replaced(importlib.import_module(place), "main", captured))
        stack.enter_context(_replaced(checkpoint_utils, "get_last_checkpoint", left))
        _run(code.cli_main, settings)
    stages = {name: _original(each) for name, each in zip(chosen, found, strict=True)}
    return Original("", {}, _fields(settings), stages)


def _run(function: Callable[..., Any], *arguments: Any) -> None:
    result = function(*arguments)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _made(blueprint: Any, arguments: list[str]) -> Any:
    return blueprint.make_from_argv(arguments)


def _alone(config: Any) -> Original:
    """Return a configuration whose fields are the command's arguments."""
    return _original(config, config)


def _original(config: Any, settings: Any = None, data: Any = None) -> Original:
    tree: Tree = to_json_tree(Job(entry="", config=config))["config"]
    if data is not None:
        builder = _Holder(of=data)
        tree[DATA] = to_json_tree(Job(entry="", config=builder))["config"]["of"]
    kind = f"{type(config).__module__}:{type(config).__qualname__}"
    return Original(kind, tree, {} if settings is None else _fields(settings))


@chz.chz
class _Holder:
    """Holds one object, so that it is written with its class."""

    of: Any


def _fields(settings: Any) -> Tree:
    tree: Tree = to_json_tree(Job(entry="", config=settings))["config"]
    return tree


@contextmanager
def _apart() -> Iterator[None]:
    """Keep a command off the service, off its data and off the log directory's question."""
    from tinker_cookbook.recipes.sdft import datasets
    from tinker_cookbook.rl import rollouts

    def resolved(*, model_name: str, explicit_renderer_name: str | None, **_: Any) -> str:
        return explicit_renderer_name or get_recommended_renderer_name(model_name)

    async def resolved_async(**arguments: Any) -> str:
        return resolved(**arguments)

    async def not_built(builder: Any) -> tuple[Any, None]:
        return builder, None

    name = "resolve_renderer_name_from_checkpoint_or_default"
    with ExitStack() as stack:
        for place, key, value in (
            (cli_utils, "check_log_dir", lambda *_, **__: None),
            (checkpoint_utils, name, resolved),
            (checkpoint_utils, f"{name}_async", resolved_async),
            (datasets.SciKnowEvalSDFTBuilder, "__call__", not_built),
            (datasets.ToolAlpacaSDFTBuilder, "__call__", not_built),
            # The command of the verifiers library replaces it for good; this puts it back.
            (rollouts, "do_group_rollout", rollouts.do_group_rollout),
        ):
            stack.enter_context(_replaced(place, key, value))
        yield


@contextmanager
def _replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


@contextmanager
def _blamed(module: str) -> Iterator[None]:
    """Turn what a command says about its arguments into an error of the command line."""
    try:
        yield
    except EntrypointHelpException as shown:
        raise UsageError(str(shown)) from shown
    except _WRONG_ARGUMENTS as error:
        raise UsageError(f"{module} does not take these arguments: {error}") from error
    except UsageError:
        raise
    except ImportError as error:
        raise UsageError(f"{module} cannot be imported here: {error}") from error
    except Exception as error:
        raise UsageError(f"{module} itself refuses these arguments: {error}") from error
