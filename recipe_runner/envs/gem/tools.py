"""The Python tool: GEM's wrapper, with the programs run where they can do no harm. Worker code.

GEM's own tool runs what a model writes with the user's rights, after a look for forbidden words, so
nothing here calls it: `IsolatedPythonTool` replaces the execution
whole, and takes from GEM how a program is found in a reply and what the model is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gem.core import Env
from gem.tools.python_code_tool import PythonCodeTool
from gem.tools.tool_env_wrapper import ToolEnvWrapper
from gem.utils.constants import BASE_IMPORTS
from gem.wrappers.wrapper_factory import WRAPPER_FACTORY

from recipe_runner.isolation import Completed, run_python

# Those that the isolated interpreter has: GEM's list names numpy, pandas and others too.
_USUAL_IMPORTS = "\n".join(
    f"try: {line}\nexcept ImportError: pass" for line in BASE_IMPORTS.splitlines() if line.strip()
)


class IsolatedPythonTool(PythonCodeTool):
    """gem.tools.python_code_tool.PythonCodeTool, run by `recipe_runner.isolation`.

    The time limit is the one that GEM's wrappers name; GEM itself always gives ten seconds.
    """

    def __init__(self, *, timeout_s: int, keep_error_last_line: bool, allow_unsafe: bool) -> None:
        super().__init__(timeout=timeout_s, keep_error_last_line=keep_error_last_line)
        self._allow_unsafe = allow_unsafe

    def execute_action(self, action: str) -> tuple[bool, bool, str, str]:
        """Return whether there is a program, whether it failed, what it gave, and the reply to
        the end of it."""
        program, played, found = self._parse_action(action)
        if not found:
            return False, True, "", played
        failed, stdout, stderr = self._run(program)
        if stderr and self.keep_error_last_line:
            stderr = stderr.split("\n")[-1]
        result = f"{stdout}\n{stderr}" if stderr else stdout
        output = result.lstrip(" \n")
        return True, failed, f"Code execution result: {output}\n", played

    def _run(self, program: str) -> tuple[bool, str, str]:
        """Run it, and again with GEM's usual imports where a name was missing."""
        done = self._run_once(program)
        if done.exit_code and "is not defined" in done.stderr:
            done = self._run_once(f"{_USUAL_IMPORTS}\n{program}")
        if done.timed_out:
            return True, "", f"\nExecution timed out after {self.timeout} seconds."
        return done.exit_code != 0, done.stdout, done.stderr.strip()

    def _run_once(self, program: str) -> Completed:
        return run_python(program, timeout_s=self.timeout, allow_unsafe=self._allow_unsafe)


def with_tool(env: Env, name: str, *, allow_unsafe: bool) -> ToolEnvWrapper:
    """Wrap an environment as GEM's wrapper of that name does: its rewards, its limit of uses."""
    settings = dict(WRAPPER_FACTORY[name].keywords)
    (theirs,) = settings.pop("tools")
    ours = IsolatedPythonTool(
        timeout_s=theirs.timeout,
        keep_error_last_line=theirs.keep_error_last_line,
        allow_unsafe=allow_unsafe,
    )
    return ToolEnvWrapper(env, tools=[ours], **settings)


class SingleTurn(Env):
    """A question with one graded reply, as GEM's environments are."""

    def __init__(self, question: str, grade: Callable[[str], float]) -> None:
        """grade: takes the reply; a value that pickles."""
        self._question = question
        self._grade = grade

    def reset(self, seed: int | None = None) -> tuple[str, dict[str, Any]]:
        return self._question, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "", self._grade(action), True, True, {}
