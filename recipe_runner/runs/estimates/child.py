"""python -m recipe_runner.runs.estimates.child PLANS.json LENGTHS.json: the measuring process."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from recipe_runner.planning.plan import Plan
from recipe_runner.runs.estimates.measuring import measured_anywhere
from recipe_runner.runs.files import replace_atomically
from recipe_runner.runs.hub_samples import hub_is_reachable


def main() -> None:
    """Read the plans, and write their lengths."""
    if not hub_is_reachable():
        # Before anything reads it: where the hub does not answer, asking takes a minute a file.
        os.environ["HF_HUB_OFFLINE"] = "1"
    asked, answered = Path(sys.argv[1]), Path(sys.argv[2])
    plans = [Plan.model_validate(each) for each in json.loads(asked.read_text("utf-8"))]
    found = [measured_anywhere(plan).model_dump(mode="json") for plan in plans]
    replace_atomically(answered, json.dumps(found))


if __name__ == "__main__":
    main()
