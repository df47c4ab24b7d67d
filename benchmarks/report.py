"""How large a report is, how long it takes to write, and how soon a browser shows it.

    python benchmarks/report.py [--repeat 5]

Makes run directories with made-up content of the real form: 10,000 steps of 40 metrics with 5,000
rollouts, and 100,000 rows of metrics. Each is written by the installed command, its peak memory
taken from the process; a headless Chromium opens the file, and its own clock (`performance.now()`,
from the start of the navigation) says when the page's script had drawn it, when the first curve was
on the screen, and when the list of rollouts was. The median of five. Takes about two minutes.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import rows
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from recipe_runner.cli.options import plan_recipe
from recipe_runner.runs.directory import RunDirectory

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
CASES = {"10,000 steps, 5,000 rollouts": (10_000, 5_000), "100,000 rows": (100_000, 0)}
METRICS = 40
# What a person who waits for a page does not mind, and how long a command may take.
CURVE_WITHIN_S, WRITTEN_WITHIN_S = 2.0, 10.0
WORDS = ("the", "sum", "of", "these", "is", "then", "we", "add", "carry", "down", "number", "and")
SHOWN = """
const at = () => performance.now();
const [wantsRollouts, done] = arguments;
const seen = {};
const look = () => {
  if (document.querySelector("#curves canvas")) seen.curve ??= at();
  if (document.querySelector(".episode .text")) seen.rollouts ??= at();
  if (seen.curve && (seen.rollouts || !wantsRollouts)) {
    seen.drawn = Number(document.documentElement.dataset.ready);
    done(seen);
  } else requestAnimationFrame(look);
};
look();
"""


@dataclass(frozen=True)
class Written:
    """What the command took: seconds, seconds of processor time, and MB at most."""

    seconds: float
    processor: float
    memory: float


def main() -> None:
    given = rows.arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = [
            row
            for name, (steps, rollouts) in CASES.items()
            for row in measure(name, Path(place) / str(steps), steps, rollouts, given.repeat)
        ]
    rows.show(found, given.rows)


def measure(name: str, place: Path, steps: int, rollouts: int, repeat: int) -> list[rows.Row]:
    run = make_run(place, steps, rollouts)
    page = place / "report.html"
    writings = [write(run, page) for _ in range(repeat)]
    times = [opening(page, rollouts > 0) for _ in range(repeat)]
    shown = {key: statistics.median(each[key] for each in times) / 1000 for key in times[0]}
    seconds = statistics.median(each.seconds for each in writings)
    print(
        f"{name}: {page.stat().st_size / 1e6:.1f} MB, "
        f"{statistics.median(each.processor for each in writings):.1f} s of processor, "
        f"{statistics.median(each.memory for each in writings):.0f} MB of memory; shown after "
        + ", ".join(f"{key} {value:.2f} s" for key, value in shown.items()),
        flush=True,
    )
    return [
        row(f"a report of {name}: written", seconds, WRITTEN_WITHIN_S),
        row(f"a report of {name}: first curve in a browser", shown["curve"], CURVE_WITHIN_S),
    ]


def row(what: str, seconds: float, limit: float) -> rows.Row:
    return rows.Row(
        what=f"{what}, cold",
        against="a limit",
        ours=f"{seconds:.2f} s",
        theirs=f"{limit:g} s",
        ratio=f"{seconds / limit:.0%} of it",
        goal=f"below {limit:g} s",
        met=seconds < limit,
    )


def write(run: RunDirectory, page: Path) -> Written:
    before = time.perf_counter()
    command = [Path(sys.executable).with_name("recipe-run"), "report", run.path, "-o", page]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    seconds = time.perf_counter() - before
    return Written(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def opening(page: Path, wants_rollouts: bool) -> dict[str, float]:
    """Open the page in a new browser and return milliseconds since the navigation began."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    options.page_load_strategy = "none"
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,2600"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        browser.set_script_timeout(60)
        browser.get(page.as_uri())
        while browser.execute_script("return location.protocol") != "file:":
            time.sleep(0.01)
        found: dict[str, float] = browser.execute_async_script(SHOWN, wants_rollouts)
        return found
    finally:
        browser.quit()


def make_run(place: Path, steps: int, rollouts: int) -> RunDirectory:
    place.mkdir()
    overrides = (f"logging.dir={place / 'runs'}",)
    _, plan = plan_recipe(RECIPE, overrides, (), None, None, steps)
    run = RunDirectory.create(plan, RECIPE.read_text())
    chance = random.Random(0)
    with run.metrics_file.open("w") as file:
        for step in range(steps):
            file.write(json.dumps(metrics_row(step, steps, chance)) + "\n")
    with (run.path / "rollouts.jsonl").open("w") as file:
        for number in range(rollouts):
            file.write(json.dumps(rollout(number, chance)) + "\n")
    return run


def metrics_row(step: int, steps: int, chance: random.Random) -> dict[str, float]:
    reward = 1 - 0.7 * (1 - step / steps) ** 2 + chance.gauss(0, 0.05)
    return {
        "step": step,
        "progress/done_frac": (step + 1) / steps,
        "time/total": chance.uniform(2, 4),
        "env/all/reward/total": reward,
        **{f"env/all/part_{i}": chance.gauss(i, 1) for i in range(METRICS - 3)},
    }


def rollout(number: int, chance: random.Random) -> dict[str, object]:
    """A reply of 400 words; members of a group share a prompt of 60."""
    group, member = divmod(number, 8)
    prompt = " ".join(random.Random(group).choices(WORDS, k=60))
    reply = " ".join(chance.choices(WORDS, k=400))
    reward = float(chance.random() < 0.5)
    pieces = [[prompt, "shown", 60, None], [reply, "trained", 400, reward - 0.5]]
    return {
        "step": group * 16,
        "split": "train",
        "group": group % 4,
        "member": member,
        "reward": reward,
        "advantage": reward - 0.5,
        "prompt_tokens": 60,
        "reply_tokens": 400,
        "tags": [],
        "metrics": {},
        "turns": [{"reward": reward, "metrics": {"correct": reward}, "logs": {}}],
        "sequences": [pieces],
    }


if __name__ == "__main__":
    main()
