"""The whole table: every benchmark that has a goal, one after the other, and their rows together.

    python benchmarks/table.py [NAME …]

Takes about an hour; with names (`refuse engine`) only those. Nothing else should run meanwhile.
Each is a command of its own too, and tells more then: `python benchmarks/engine.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import rows

HERE = Path(__file__).parent
WITH_A_GOAL = (
    "refuse",
    "validate",
    "run_overhead",
    "reinforce",
    "engine",
    "local_backend",
    "runs_at_once",
    "long_run",
    "many_runs",
    "report",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WITH_A_GOAL))
    names = parser.parse_args().names or WITH_A_GOAL
    unknown = set(names) - {*WITH_A_GOAL}
    if unknown:
        parser.error(f"no benchmark with a goal: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "rows.jsonl")
        file.touch()
        failed = [name for name in names if not measured(name, file)]
        found = rows.read(file)
    print(f"\n# All\n\n{rows.machine()}\n\n{rows.table(found)}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed or not all(row.met for row in found) else 0


def measured(name: str, file: Path) -> bool:
    """Run one benchmark, which adds its rows to the file; return whether it came to its end."""
    print(f"\n# {name}", flush=True)
    command = [sys.executable, str(HERE / f"{name}.py"), "--rows", str(file)]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
