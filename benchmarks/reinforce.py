"""`method: reinforce` against the algorithm of GEM's `tinker_train.py`, on a GEM game of ten turns.

    python benchmarks/reinforce.py [--repeat 5] [--episodes 8]

Both play and train the same games of GEM's guess-the-number, each from the same weights, through
one `recipe-run serve`, in turns: `recipe-run` on a recipe, and `gem_algorithm.py`, once with the
four environments at a time that GEM's script has by default, and once with all of a step at a
time. The shipped model does not know the game, and a reply in a wrong form ends it, so it is shown
some played at random first, with `method: sft`; then most games last all ten turns. Wall time is
that of whole steps, the first of each process left out. Takes about six minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gem_algorithm as peer
import rows
from processes import COMMAND, Taken, serving, timed_loop
from timing import process

from recipe_runner.envs.gem import episodes
from recipe_runner.envs.gem.protocol import EnvSpec

SCRIPT = Path(__file__).with_name("gem_algorithm.py")
AT_ONCE_BY_DEFAULT = 4
STEPS = 2
SHOWN_GAMES = 256
FEWER_TOKENS, FASTER = 3.0, 2.0

COMMON = """\
version: 1
backend: {{kind: remote, base_url: "{url}"}}
renderer: {renderer}
"""
SHOWING = """\
name: shown
method: sft
model: {{name: recipe-run/tiny, lora_rank: 32}}
data: {{kind: conversations, path: games.jsonl}}
train_on: all_assistant_messages
batch_size: 16
max_length: 2048
epochs: 2
optimizer: {{learning_rate: 3e-3}}
"""
PLAYING = """\
name: play
method: reinforce
model: {{name: recipe-run/tiny, lora_rank: 32, load_from: "{checkpoint}"}}
env: {{kind: gem, id: "{game}", kwargs: {kwargs}, prompt: none, wrappers: [concat_chat]}}
episodes_per_batch: {episodes}
max_tokens: {max_tokens}
optimizer: {{learning_rate: {learning_rate}}}
steps: {steps}
"""


@dataclass(frozen=True)
class Step:
    """What a way took for a step of one process, on average: seconds, tokens trained, turns."""

    seconds: float
    tokens: float
    turns: float


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--episodes", type=int, default=8)
    given = parser.parse_args()
    os.environ |= {"TINKER_API_KEY": "tml-benchmark", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name, serving(Path(name, "store")) as url:
        os.environ["TINKER_BASE_URL"] = url
        here = Path(name)
        checkpoint = show_games(here, url)
        ours: list[Step] = []
        at_once = {AT_ONCE_BY_DEFAULT: list[Step](), given.episodes: list[Step]()}
        for number in range(given.repeat):
            ours.append(run_ours(here / f"ours{number}", url, checkpoint, given.episodes))
            report("recipe-run", ours[-1])
            for count, found in at_once.items():
                folder = here / f"theirs{count}-{number}"
                found.append(run_peer(folder, checkpoint, given.episodes, count))
                report(f"GEM's, {count} at a time", found[-1])
    what = f"multi-turn GEM, a step of {given.episodes} games of 10 turns"
    by_default = at_once[AT_ONCE_BY_DEFAULT]
    shown = [tokens_row(what, ours, by_default)]
    shown += [time_row(what, ours, found, count) for count, found in at_once.items()]
    rows.show(shown, given.rows)


def show_games(here: Path, url: str) -> str:
    """Train the shipped model on games played at random; return the checkpoint's path."""
    spec = EnvSpec("game", peer.GAME, peer.SETTINGS)
    with (here / "games.jsonl").open("w") as file:
        for number in range(SHOWN_GAMES):
            # Beyond the seeds that the steps draw from.
            file.write(json.dumps({"messages": played_at_random(spec, 2**31 + number)}) + "\n")
    write_recipe(here, url, SHOWING)
    process([COMMAND, "recipe.yaml"], here)
    (records,) = here.glob("runs/shown/*/checkpoints.jsonl")
    path: str = json.loads(records.read_text().splitlines()[-1])["state_path"]
    return path


def played_at_random(spec: EnvSpec, seed: int) -> list[dict[str, str]]:
    opening = episodes.start(spec, seed)
    observation, board, state = opening.observation, opening.board, opening.state
    talk = []
    while state:
        move = episodes.rehearse(state)
        assert move is not None, "the game draws moves"
        talk.append({"role": "user", "content": peer.shown(observation, {"suffix": board})})
        talk.append({"role": "assistant", "content": move.reply})
        turn = episodes.step(state, move.reply)
        observation, board, state = turn.observation, turn.board, turn.state
    return talk


def write_recipe(here: Path, url: str, text: str, **values: object) -> None:
    common = COMMON.format(url=url, renderer=peer.RENDERER)
    (here / "recipe.yaml").write_text(common + text.format(**values))


def run_ours(here: Path, url: str, checkpoint: str, num_episodes: int) -> Step:
    here.mkdir()
    values = {
        "checkpoint": checkpoint,
        "game": peer.GAME,
        "kwargs": json.dumps(peer.SETTINGS),
        "episodes": num_episodes,
        "max_tokens": peer.MAX_TOKENS,
        "learning_rate": peer.LEARNING_RATE,
        "steps": STEPS + 1,
    }
    write_recipe(here, url, PLAYING, **values)
    taken = timed_loop([COMMAND, "recipe.yaml"], here, "runs/*/*/metrics.jsonl", STEPS + 1)
    (metrics,) = here.glob("runs/*/*/metrics.jsonl")
    found = [json.loads(line) for line in metrics.read_text().splitlines()[1:]]
    turns = [row["sampler/num_turns_per_episode"] * num_episodes for row in found]
    return step_of(taken, [row["train/num_tokens"] for row in found], turns)


def run_peer(here: Path, checkpoint: str, num_episodes: int, at_once: int) -> Step:
    here.mkdir()
    sizes = ["--steps", STEPS + 1, "--episodes", num_episodes, "--at-once", at_once]
    command = [sys.executable, SCRIPT, checkpoint, here, *map(str, sizes)]
    taken = timed_loop(command, here, "metrics.jsonl", STEPS + 1)
    found = [json.loads(line) for line in (here / "metrics.jsonl").read_text().splitlines()[1:]]
    return step_of(taken, [row["tokens"] for row in found], [row["turns"] for row in found])


def step_of(taken: Taken, tokens: Sequence[float], turns: Sequence[float]) -> Step:
    return Step(taken.wall / STEPS, sum(tokens) / STEPS, sum(turns) / STEPS)


def report(who: str, step: Step) -> None:
    print(
        f"{who:24} {step.seconds:6.2f} s, {step.tokens:8,.0f} tokens, {step.turns:5.0f} turns",
        flush=True,
    )


def tokens_row(what: str, ours: Sequence[Step], theirs: Sequence[Step]) -> rows.Row:
    return row_of(
        f"{what}: tokens trained",
        "GEM's `tinker_train.py`, its algorithm",
        [each.tokens for each in ours],
        [each.tokens for each in theirs],
        ("{:,.0f}", "fewer", FEWER_TOKENS),
    )


def time_row(what: str, ours: Sequence[Step], theirs: Sequence[Step], count: int) -> rows.Row:
    return row_of(
        f"{what}: wall time, warm",
        f"the same, {count} games at a time",
        [each.seconds for each in ours],
        [each.seconds for each in theirs],
        ("{:.2f} s", "faster", FASTER),
    )


def row_of(
    what: str,
    against: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    form: tuple[str, str, float],
) -> rows.Row:
    """Return the row of the median of the rounds' ratios; form: a figure, better, the goal."""
    figure, better, goal = form
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return rows.Row(
        what=what,
        against=against,
        ours=figure.format(statistics.median(ours)),
        theirs=figure.format(statistics.median(theirs)),
        ratio=f"{ratio:.1f} times {better}",
        goal=f"at least {goal:g} times {better}",
        met=ratio >= goal,
    )


if __name__ == "__main__":
    main()
