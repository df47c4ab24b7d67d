"""Ours in a configuration -> the Cookbook's, where it does the same without us.

Of each class of ours, one function says what takes its place, or why nothing can. What is the same
but for a detail is said in the script.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import chz

from recipe_runner.compile.data.supervised import CustomConversationsBuilder
from recipe_runner.compile.job import Job
from recipe_runner.compile.script import replacements
from recipe_runner.compile.script.calls import Call, call_of
from recipe_runner.compile.script.replacements import Refused
from recipe_runner.envs.custom import CustomDatasetBuilder
from recipe_runner.envs.preference.judges import CustomJudgeBuilder
from recipe_runner.errors import UsageError
from recipe_runner.loops import dpo, gspo, sdft
from recipe_runner.loops.evaluators.custom import CustomBuilder

OURS = "recipe_runner"


@dataclass
class Standalone:
    """A configuration of the Cookbook's alone, and the loop that takes it.

    Attributes:
        entry: the loop, `module:name`.
        config: the call that makes its configuration.
        data: what the loop is called with besides, built first; only self-distillation has it.
        notes: what is not as it is with recipe-run.
        modules: of the user's own, that the script imports.
    """

    entry: str
    config: Call
    data: Call | None = None
    notes: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)


def standalone(job: Job) -> Standalone:
    """Return a job without anything of ours.

    Raises:
        UsageError: with every reason why that cannot be.
    """
    found = _Replacing()
    entry, config, data = _loop(job, found)
    result = Standalone(entry, found.call(config), data and found.call(data))
    if found.refused:
        listed = "\n".join(f"  {reason}" for reason in dict.fromkeys(found.refused))
        raise UsageError(
            "no script can do this with the Cookbook alone:\n"
            f"{listed}\nrecipe-run runs the recipe; `--to json` prints what it compiles to"
        )
    result.notes = list(dict.fromkeys(found.notes))
    result.modules = list(dict.fromkeys(found.modules))
    return result


def _loop(job: Job, found: _Replacing) -> tuple[str, Any, Any]:
    """Return the loop, its configuration and what it is called with besides."""
    config = job.config
    if isinstance(config, dpo.Config):
        found.refused += replacements.of_reference(config)
        fields = {k: v for k, v in call_of(config).arguments.items() if not k.startswith("ref")}
        found.notes.append("a resumed run is measured against the weights that it was resumed from")
        return (
            "tinker_cookbook.preference.train_dpo:main",
            Call("tinker_cookbook.preference.train_dpo:Config", fields),
            None,
        )
    if isinstance(config, sdft.Config):
        found.notes.append("the distance to the teacher on what is held out is not measured")
        return "tinker_cookbook.distillation.sdft:main", config.sdft, config.dataset_builder
    if isinstance(config, gspo.GspoConfig):
        found.refused.append("loss: the Cookbook's loop does not mark what `gspo` needs")
    elif job.entry.startswith(OURS):
        found.refused.append(f"method: {job.entry} is a loop of recipe-run's own")
    return job.entry, config, None


class _Replacing:
    """Goes through a configuration, and notes what it finds."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.notes: list[str] = []
        self.modules: list[str] = []

    def call(self, thing: Any) -> Call:
        """Return the call that makes an object, without ours in it."""
        call = thing if isinstance(thing, Call) else call_of(thing)
        arguments = {name: self._value(value) for name, value in call.arguments.items()}
        return Call(call.function, arguments, later=call.later)

    def _value(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(self._value(each) for each in value)
        if isinstance(value, dict):
            return {key: self._value(each) for key, each in value.items()}
        if isinstance(value, Call):
            return self.call(value)
        if not chz.is_chz(value):
            return value
        if not type(value).__module__.startswith(OURS):
            return self.call(value)
        return self._of_ours(value)

    def _of_ours(self, value: Any) -> Any:
        users = _USERS.get(type(value))
        try:
            if users is not None:
                call = users(value)
                self.modules.append(call.function.partition(":")[0])
                return call
            replaced, notes = replacements.of_ours(value)
        except Refused as refused:
            self.refused.append(str(refused))
            return None
        self.notes += notes
        return self.call(replaced)


_USERS: dict[type, Callable[[Any], Call]] = {
    CustomDatasetBuilder: replacements.custom_environment,
    CustomConversationsBuilder: replacements.custom_conversations,
    CustomJudgeBuilder: replacements.custom_judge,
    CustomBuilder: replacements.custom_evaluator,
}
