"""What a worker does: one variant, as if it had been started alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_runner.sweeps.schedule import Exit

ERROR = "error: "


@dataclass(frozen=True)
class Assignment:
    """A variant to run, in a form that travels.

    Attributes:
        plan: as JSON.
        text: the recipe as written.
        files: the texts of all files that the recipe was made from, by path.
    """

    plan: str
    text: str
    files: Mapping[str, str]


def run_variant(assignment: Assignment) -> int:
    """Run a variant or resume it, and return the exit code; what a person should know is printed.

    The last line that starts with `ERROR` says what ended it.
    """
    from recipe_runner.errors import RunnerError
    from recipe_runner.planning.plan import Plan
    from recipe_runner.runs.execute import execute
    from recipe_runner.sweeps.limits import is_limit

    try:
        plan = Plan.from_json(assignment.plan)
        execute(plan, assignment.text, files=assignment.files, announce=print)
    except KeyboardInterrupt:
        print(f"{ERROR}interrupted before it began")
        return Exit.INTERRUPTED
    except RunnerError as error:
        print(f"{ERROR}{error}")
        for note in getattr(error, "__notes__", []):
            print(note)
        return Exit.LIMIT if is_limit(error) else error.exit_code
    return Exit.DONE
