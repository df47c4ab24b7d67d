"""How large a report is, how long it takes to write, and how soon a browser shows it.

    python benchmarks/report.py

Makes run directories with made-up content of the real form: 10,000 steps of 40 metrics with 5,000
rollouts, and 100,000 rows of metrics. Each is written by the installed command, its peak memory
taken from the process; a headless Chromium opens the file, and its own clock (`performance.now()`,
from the start of the navigation) says when the page's script had drawn it, when the first curve was
on the screen, and when the list of rollouts was. The median of five.
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
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from recipe_runner.cli.options import plan_recipe
from recipe_runner.runs.directory import RunDirectory

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
CASES = {"10,000 steps, 5,000 rollouts": (10_000, 5_000), "100,000 rows": (100_000, 0)}
METRICS = 40
OPENINGS = 5
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


def main() -> None:
    heads = ("size", "written", "processor", "memory", "drawn", "curve", "rollouts")
    print(f"{'run':30}" + "".join(f"{each:>11}" for each in heads))
    with tempfile.TemporaryDirectory() as place:
        for name, (steps, rollouts) in CASES.items():
            measure(name, Path(place) / str(steps), steps, rollouts)


def measure(name: str, place: Path, steps: int, rollouts: int) -> None:
    run = make_run(place, steps, rollouts)
    page = place / "report.html"
    before = time.perf_counter()
    command = [
        str(Path(sys.executable).with_name("recipe-run")),
        "report",
        str(run.path),
        "-o",
        page,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    assert os.waitstatus_to_exitcode(status) == 0
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    times = [opening(page, rollouts > 0) for _ in range(OPENINGS)]
    shown = {
        key: f"{statistics.median(each[key] for each in times) / 1000:.2f} s" for key in times[0]
    }
    cells = (
        f"{page.stat().st_size / 1e6:.1f} MB",
        f"{seconds:.1f} s",
        f"{cpu:.1f} s",
        f"{memory:.0f} MB",
        *(shown.get(key, "") for key in ("drawn", "curve", "rollouts")),
    )
    print(f"{name:30}" + "".join(f"{each:>11}" for each in cells))


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
