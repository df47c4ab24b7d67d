"""What an error was raised from is walked to its end, also where there is none."""

from __future__ import annotations

from recipe_runner.errors import DataError, chain
from recipe_runner.runs.lost import what_may_pass
from recipe_runner.sweeps.limits import is_limit


def raised_from(error: Exception, cause: Exception | None) -> Exception:
    error.__cause__ = cause
    return error


def test_causes_and_members_of_groups_come_in_order() -> None:
    first, second, cause = ValueError("1"), ValueError("2"), KeyError("c")
    group = ExceptionGroup("both", [first, second])
    top = raised_from(DataError("top"), raised_from(group, cause))
    assert list(chain(top)) == [top, group, first, second, cause]


def test_an_error_raised_from_itself_ends() -> None:
    error = DataError("talks.jsonl:1: is not JSON")
    raised_from(error, error)
    assert list(chain(error)) == [error]
    assert not is_limit(error)
    assert what_may_pass(error) is None
