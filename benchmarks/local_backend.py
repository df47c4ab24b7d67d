"""What the local backend costs a client: the SDK over HTTP against a server of its own.

    python benchmarks/local_backend.py [--model-path DIR] [--threads N] [--rl-steps 300]

Without --model-path the shipped model is served. Each figure is the median of several rounds. A
training step, as a client has it, is held against a plain loop in torch in this process
(`plain_loop.py`) on the same model and batch, in turns, both warm and on that many threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TINKER_TELEMETRY", "0")

import numpy as np
import rows
import timing
import tinker
import torch
from plain_loop import PlainLoop
from tinker import AdamParams, Datum, ModelInput, SamplingParams, ServiceClient
from transformers import AutoModelForCausalLM

from recipe_runner.backends.local.launch import RunningServer, launch
from recipe_runner.backends.local.models import SHIPPED_DIR

NUM_GROUPS, GROUP_SIZE, NUM_TOKENS = 8, 4, 32
PROMPT = list(range(20, 52))
RANK, SEQUENCES, TRAINED_TOKENS, WITHIN = 32, 32, 60, 1.1


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        with launch(
            store=Path(directory) / "store",
            log=Path(directory) / "server.log",
            model_path=options.model_path,
            threads=options.threads,
        ) as server:
            _report("start until it answers", time.perf_counter() - start, "s")
            service = ServiceClient(base_url=server.url, api_key=server.api_key)
            client = service.create_lora_training_client("benchmark/model", rank=RANK).result()
            _report("start until a model is there", time.perf_counter() - start, "s")
            _measure(client)
            found = training(client, options.model_path or SHIPPED_DIR, options.repeat)
            if options.rl_steps:
                _measure_memory(client, server, options.rl_steps)
            service.close("success").result()
    rows.show([found], options.rows)
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = rows.arguments(__doc__)
    parser.add_argument("--model-path", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rl-steps", type=int, default=0, help="steps to watch memory over")
    return parser.parse_args(argv)


def _measure(client: tinker.TrainingClient) -> None:
    sampler = client.save_weights_and_get_sampling_client().result()
    batch = NUM_GROUPS * GROUP_SIZE
    for _ in range(2):
        rl_step(client)
    _report("optim_step round trip", _median(lambda: _optim_step(client), 50), "ms")
    _report("1-token sample", _median(lambda: _sample(sampler, 1, 1), 20), "ms")
    _report(
        f"{NUM_TOKENS}-token sample", _median(lambda: _sample(sampler, 1, NUM_TOKENS), 20), "ms"
    )
    seconds = _median(lambda: _sample(sampler, batch, NUM_TOKENS), 10)
    _report(f"{batch} samples of {NUM_TOKENS} tokens", seconds, "ms")
    print(f"{'decode at batch ' + str(batch):40s} {batch * NUM_TOKENS / seconds:10.0f} tokens/s")
    shape = f"{NUM_GROUPS} x {GROUP_SIZE} x {NUM_TOKENS}"
    _report(f"RL step of {shape} tokens", _median(lambda: rl_step(client), 10), "ms")


def training(client: tinker.TrainingClient, model: Path, repeat: int) -> rows.Row:
    """Forward, backward and optimizer step of one batch, from the call to the answers."""
    plain = PlainLoop(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), RANK)
    shape = (SEQUENCES, TRAINED_TOKENS)
    tokens, targets = (torch.randint(2, plain.vocabulary, shape) for _ in range(2))
    logprobs, advantages = torch.full(shape, -5.0), torch.randn(shape)
    data = [
        Datum(
            model_input=ModelInput.from_ints(row.tolist()),
            loss_fn_inputs={
                "target_tokens": target.numpy(),
                "logprobs": old.numpy(),
                "advantages": advantage.numpy(),
            },
        )
        for row, target, old, advantage in zip(tokens, targets, logprobs, advantages, strict=True)
    ]

    def ours() -> None:
        trained = client.forward_backward(data, "importance_sampling")
        _optim_step(client)
        trained.result()

    def theirs() -> None:
        plain.step(tokens, targets, logprobs, advantages)

    mine, peer = (statistics.median(each) for each in timing.in_turns([ours, theirs], repeat))
    return rows.Row(
        what=f"training step through the SDK, {shape[0]} x {shape[1]} tokens, rank {RANK}, warm",
        against="a plain torch loop",
        ours=f"{mine * 1e3:,.0f} ms",
        theirs=f"{peer * 1e3:,.0f} ms",
        ratio=f"{mine / peer:.2f} of its time",
        goal=f"at most {WITHIN}",
        met=mine <= WITHIN * peer,
    )


def _measure_memory(client: tinker.TrainingClient, server: RunningServer, steps: int) -> None:
    for _ in range(30):
        rl_step(client)
    before = resident_mib(server.pid)
    for _ in range(steps):
        rl_step(client)
    after = resident_mib(server.pid)
    print(f"{'memory over ' + str(steps) + ' RL steps':40s} {before:.0f} -> {after:.0f} MiB")


def _optim_step(client: tinker.TrainingClient) -> None:
    client.optim_step(AdamParams(learning_rate=1e-5)).result()


def _sample(sampler: tinker.SamplingClient, num_samples: int, num_tokens: int) -> None:
    params = SamplingParams(max_tokens=num_tokens, stop=[])
    sampler.sample(ModelInput.from_ints(PROMPT), num_samples, params).result()


def rl_step(client: tinker.TrainingClient, num_groups: int = NUM_GROUPS) -> None:
    """Snapshot, one request a sample as the Cookbook sends them, one gradient step."""
    sampler = client.save_weights_and_get_sampling_client().result()
    params = SamplingParams(max_tokens=NUM_TOKENS, stop=[])
    prompts = [[group + 20, *PROMPT[1:]] for group in range(num_groups) for _ in range(GROUP_SIZE)]
    futures = [sampler.sample(ModelInput.from_ints(prompt), 1, params) for prompt in prompts]
    data = [
        _datum(prompt, future.result().sequences[0], 1.0 if index % 2 else -1.0)
        for index, (prompt, future) in enumerate(zip(prompts, futures, strict=True))
    ]
    trained = client.forward_backward(data, "importance_sampling")
    _optim_step(client)
    trained.result()


def _datum(prompt: list[int], sequence: tinker.SampledSequence, advantage: float) -> Datum:
    tokens = prompt + sequence.tokens
    padding = [0.0] * (len(prompt) - 1)
    inputs = {
        "target_tokens": np.asarray(tokens[1:]),
        "logprobs": np.asarray(padding + (sequence.logprobs or []), np.float32),
        "advantages": np.asarray(padding + [advantage] * len(sequence.tokens), np.float32),
    }
    return Datum(model_input=ModelInput.from_ints(tokens[:-1]), loss_fn_inputs=inputs)


def _median(work: Callable[[], None], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system's /proc has no VmRSS")


def _report(what: str, seconds: float, unit: str) -> None:
    value = seconds * 1000 if unit == "ms" else seconds
    print(f"{what:40s} {value:10.2f} {unit}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
