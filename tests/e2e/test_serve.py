"""`recipe-run serve` for a Tinker client that knows nothing of recipe-run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import Result, environment

PROGRAM = """
import tinker
service = tinker.ServiceClient()
print(service.get_server_capabilities().supported_models[:1])
client = service.create_lora_training_client(base_model="recipe-run/tiny", rank=8)
sampler = client.save_weights_and_get_sampling_client()
tokenizer = client.get_tokenizer()
prompt = tinker.ModelInput.from_ints(tokenizer.encode("1 + 1 ="))
params = tinker.SamplingParams(max_tokens=4)
print(len(sampler.sample(prompt, 1, params).result().sequences[0].tokens))
"""


def test_a_client_by_environment_variables(
    start_installed: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    server = start_installed("serve", "--store", tmp_path / "store")
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(TINKER_BASE_URL=url, TINKER_API_KEY="tml-local"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in ("1", "2", "3", "4")
    server.send_signal(signal.SIGINT)
    rest, _ = server.communicate(timeout=20)
    assert "Traceback" not in rest
    assert server.returncode in (0, 130)


def test_a_key_of_ones_own_is_the_only_one(
    start_installed: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    server = start_installed("serve", "--store", tmp_path / "store", "--api-key", "tml-mine")
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(TINKER_BASE_URL=url, TINKER_API_KEY="tml-another"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "401" in done.stderr


def test_a_recipe_on_a_served_backend(
    start_installed: Callable[..., subprocess.Popen[str]],
    recipe_run: Callable[..., Result],
    root: Path,
    tmp_path: Path,
) -> None:
    server = start_installed("serve", "--store", tmp_path / "store")
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    small = "rollout={groups_per_batch: 2, group_size: 2, max_tokens: 12}"
    done = recipe_run(
        root / "recipes/quickstart.yaml", "--backend", url, "--steps", "2", "--set", small
    )
    assert done.returncode == 0, done.stderr
    assert "done: 2 steps" in done.stdout
