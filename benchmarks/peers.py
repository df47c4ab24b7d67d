"""Other runners in throw-away environments, and what each is asked in `refuse.py`.

An environment is a virtual environment of its own with pinned packages. It is made once, about a
minute each and up to 2 GB, and kept for the next time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"

SOUP = """\
base: Qwen/Qwen2.5-0.5B
task: sft
data: {train: data.jsonl, format: chatml, max_length: 256}
training: {epochs: 1, lr: 2e-5, batch_size: 4}
output: ./output
"""
SOUP_ROW = """\
{"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A runner, how it is installed, and one request with and without a misspelled key.

    Attributes:
        command: what refuses a configuration, as users type it.
        packages: pinned, in the order in which they are installed beside torch.
        constrained: whether the other packages are those of this project's constraints.txt.
        program: the script, or the Python module after `-m`.
        right, wrong: arguments that it takes, and the same but for one misspelled key.
        said: what it says of the wrong ones, so that it was that key that it refused.
        passed: what it says of the right ones.
        passed_code: with which exit code; not 0 where what comes next needs a service.
        help_code: the exit code of its `--help`.
        lets_pass: the same mistake elsewhere that it accepts, and in which words.
        goal: how many times faster we should be.
    """

    command: str
    packages: tuple[str, ...]
    program: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    said: str
    passed: str
    passed_code: int = 0
    help_code: int = 0
    lets_pass: tuple[str, tuple[str, ...]] | None = None
    constrained: bool = False
    goal: float

    @property
    def name(self) -> str:
        return self.packages[-1].partition("==")[0].partition("[")[0]


PEERS = (
    Peer(
        command="soup train --dry-run",
        packages=("soup-cli==0.77.0",),
        program=("soup",),
        right=("train", "--dry-run", "--config", "soup.yaml"),
        wrong=("train", "--dry-run", "--config", "soup_wrong.yaml"),
        said="did you mean 'max_length'",
        passed="Config valid",
        goal=6,
    ),
    Peer(
        command="tune validate",
        # The latest torchao that the latest torchtune imports.
        packages=("torchao==0.15.0", "torchtune==0.6.1"),
        program=("tune",),
        right=("validate", "tune.yaml"),
        wrong=("validate", "tune_wrong.yaml"),
        said="lora_rnak",
        passed="Config is well-formed!",
        lets_pass=("a misspelled key at the top level", ("validate", "tune_top.yaml")),
        goal=30,
    ),
    Peer(
        command="the Cookbook's math_rl.train",
        packages=("tinker-cookbook[math-rl]==0.5.8",),
        program=("python", "-m", "tinker_cookbook.recipes.math_rl.train"),
        right=("group_size=4", "log_path=run", "behavior_if_log_dir_exists=delete"),
        wrong=("group_sise=4", "log_path=run", "behavior_if_log_dir_exists=delete"),
        said="group_size",
        passed="TINKER_API_KEY",
        passed_code=1,
        help_code=1,
        constrained=True,
        goal=12,
    ),
)


def installed(peer: Peer, cache: Path) -> Path:
    """Return the folder of the peer's programs, installing it where it is not yet.

    torch comes first and as one exact version: an open range would pull packages of CUDA.
    """
    home = cache / peer.name
    wanted = "\n".join((_torch(), *peer.packages)) + "\n"
    stamp = home / "installed.txt"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        print(f"installing {' '.join(peer.packages)} into {home}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", "venv", home)
        pip = (home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, _torch())
        constraint = ("--constraint", CONSTRAINTS) if peer.constrained else ()
        _run(*pip, *constraint, _torch(), *peer.packages)
        _run(home / "bin" / "python", "-m", "compileall", "-q", home / "lib", check=False)
        stamp.write_text(wanted, "utf-8")
    return home / "bin"


def write_configs(directory: Path, tune: Path) -> None:
    """Write each peer's configuration, right and with one misspelled key.

    `tune` is torchtune's own example, the folder of its programs given.
    """
    (directory / "data.jsonl").write_text(SOUP_ROW * 8, "utf-8")
    (directory / "soup.yaml").write_text(SOUP, "utf-8")
    _misspell(directory / "soup.yaml", "max_length", "max_lenght", directory / "soup_wrong.yaml")
    _run(tune / "tune", "cp", "qwen2_5/0.5B_lora_single_device", directory / "tune.yaml")
    _misspell(directory / "tune.yaml", "lora_rank", "lora_rnak", directory / "tune_wrong.yaml")
    _misspell(directory / "tune.yaml", "batch_size", "batch_sise", directory / "tune_top.yaml")


def _misspell(source: Path, key: str, typo: str, target: Path) -> None:
    text = source.read_text("utf-8")
    assert f"{key}:" in text, f"{source.name} has no {key}"
    target.write_text(text.replace(f"{key}:", f"{typo}:", 1), "utf-8")


def _torch() -> str:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def _run(*command: str | Path, check: bool = True) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
