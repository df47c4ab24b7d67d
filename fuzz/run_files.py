"""The files of a run's directory and of a sweep's: the first byte says which is replaced.

Right: it is shown as far as it goes, or an error says which file is wrong: a list of runs, the page
of one, and a report must not end because of one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fuzz.limits import Limits
from fuzz.recipes import ROOT, directory
from recipe_runner.cli.run_page import lines
from recipe_runner.cli.run_tables import as_json
from recipe_runner.errors import RunnerError
from recipe_runner.planning.resolve import plan as plan_of
from recipe_runner.reports import columns, episodes
from recipe_runner.reports import record as report
from recipe_runner.reports import sweep as sweeps
from recipe_runner.reports.blobs import Blobs
from recipe_runner.runs import overview, registry, rollouts
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines, write_json_lines
from recipe_runner.runs.manifest import new_attempt
from recipe_runner.sweeps.record import read_sweep
