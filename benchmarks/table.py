"""The whole table: every benchmark that has a goal, one after the other, and their rows together.

    python benchmarks/table.py [NAME …]

Takes about an hour; with names (`validate engine`) only those. Nothing else should run meanwhile.
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
WITH_A_GOAL = ("validate",)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*WITH_A_GOAL, []])
    names = parser.parse_args().names or WITH_A_GOAL
    failed = []
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "rows.jsonl")
        file.touch()
        for name in names:
            print(f"\n# {name}", flush=True)
            command = [sys.executable, str(HERE / f"{name}.py"), "--rows", str(file)]
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
        found = rows.read(file)
    print(f"\n# All\n\n{rows.machine()}\n\n{rows.table(found)}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed or not all(row.met for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
