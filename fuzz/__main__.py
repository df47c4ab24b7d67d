"""Runs targets one after the other, each for as long as is asked, and says what they found."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from fuzz.targets import NAMES, load

_EXECUTIONS = re.compile(r"(?:Done (\d+) runs|number_of_executed_units: (\d+))")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz"), help="where inputs are kept")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in NAMES]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(NAMES)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install atheris")
    failed = [
        name
        for name in options.targets or NAMES
        if not run(name, options.seconds, options.corpus.resolve())
    ]
    if failed:
        print(f"faults in {', '.join(failed)}: the inputs are in {options.corpus}/found")
    return 1 if failed else 0


def run(name: str, seconds: int, place: Path) -> bool:
    """Whether a target had no fault; what it learned is kept for the next time."""
    limits = load(name).LIMITS
    corpus, found = place / name, place / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for seed in load(name).seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    log = place / f"{name}.log"
    command = [
        *(sys.executable, "-m", "fuzz.harness", name),
        f"-max_total_time={seconds}",
        f"-max_len={limits.max_bytes}",
        f"-timeout={limits.timeout_s}",
        f"-rss_limit_mb={limits.memory_mb}",
        f"-artifact_prefix={found}/{name}-",
        "-print_final_stats=1",
        str(corpus),
    ]
    with log.open("wb") as output:
        status = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    counts = _EXECUTIONS.findall(log.read_text("utf-8", errors="replace"))
    executions = max((int(a or b) for a, b in counts), default=0)
    outcome = "no fault" if status.returncode == 0 else f"FAULT, see {log}"
    inputs = len(list(corpus.iterdir()))
    print(
        f"{name:<18} {executions:>9,} executions  {inputs:>6,} inputs kept  {outcome}", flush=True
    )
    return status.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
