"""The local backend's engine alone: decoding, latency, a training step, an optimizer step.

Compares sampling with transformers' `generate` on the same model and batch, in turns in one run,
so that the ratios hold on a busy machine too. No server, no HTTP.

    OMP_WAIT_POLICY=passive python benchmarks/engine.py [--threads N] [--repeats N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, Qwen3Config
from transformers.utils import logging

from recipe_runner.backends.local.engine import Adam, Datum, Engine, LoraSpec, SampleRequest

PROMPT_TOKENS, NEW_TOKENS = 16, 32
SHAPE = Qwen3Config(
    vocab_size=350,
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=4096,
    tie_word_embeddings=True,
    eos_token_id=1,
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as directory:
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(SHAPE).eval()
        model.save_pretrained(directory)
        engine = Engine(threads=arguments.threads, model_path=Path(directory))
        engine.create_model("model", "some/model", LoraSpec(rank=32)).result()
        engine.create_sampler("sampler", model_id="model").result()
        print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
              f"{arguments.threads} thread(s), median (best) of {arguments.repeats}")  # fmt: skip
        for batch_size in (1, 32, 128):
            compare_decoding(engine, model, batch_size, arguments.repeats)
        for name, work in (
            ("forward_backward, 8 x 4 sequences of 60 tokens", lambda: train(engine)),
            ("optim_step", lambda: engine.optim_step("model", Adam(1e-4)).result()),
            ("snapshot, merge and one token", lambda: fresh_sampler(engine)),
        ):
            show(name, timed([work], arguments.repeats)[0])
        engine.close()


def compare_decoding(engine: Engine, model: torch.nn.Module, batch_size: int, repeats: int) -> None:
    prompts = torch.randint(2, SHAPE.vocab_size, (batch_size, PROMPT_TOKENS))

    def ours() -> None:
        futures = [
            engine.sample("sampler", SampleRequest(prompt, 1, NEW_TOKENS, stop=[]))
            for prompt in prompts.tolist()
        ]
        for future in futures:
            assert len(future.result().sequences[0].tokens) == NEW_TOKENS

    def theirs() -> None:
        with torch.no_grad():
            model.generate(
                prompts,
                max_new_tokens=NEW_TOKENS,
                min_new_tokens=NEW_TOKENS,
                do_sample=True,
                top_k=0,
                pad_token_id=0,
            )

    seconds, reference = timed([ours, theirs], repeats)
    tokens = batch_size * NEW_TOKENS
    show(f"sample {batch_size} x {NEW_TOKENS} tokens", seconds)
    print(
        f"    {tokens / statistics.median(seconds):,.0f} "
        f"({tokens / min(seconds):,.0f}) tokens/s; generate "
        f"{tokens / statistics.median(reference):,.0f}; ratio "
        f"{statistics.median(reference) / statistics.median(seconds):.1f}"
    )


def train(engine: Engine) -> None:
    tokens = torch.randint(2, SHAPE.vocab_size, (32, 61))
    data = [
        Datum(
            row[:-1].tolist(),
            {
                "target_tokens": row[1:],
                "logprobs": torch.full((60,), -5.0),
                "advantages": torch.randn(60),
            },
        )
        for row in tokens
    ]
    engine.forward_backward("model", data, "importance_sampling", {}).result()


def fresh_sampler(engine: Engine) -> None:
    engine.create_sampler("fresh", model_id="model").result()
    engine.sample("fresh", SampleRequest([5, 6, 7], 1, 1, stop=[])).result()
    engine.drop_sampler("fresh").result()


def timed(works: list[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Seconds of each work in each repeat, the works in turns, after a warm-up."""
    seconds: list[list[float]] = [[] for _ in works]
    for repeat in range(-2, repeats):
        for work, taken in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            if repeat >= 0:
                taken.append(time.perf_counter() - started)
    return seconds


def show(name: str, seconds: list[float]) -> None:
    median, best = statistics.median(seconds) * 1e3, min(seconds) * 1e3
    print(f"{name}: {median:.1f} ({best:.1f}) ms")


if __name__ == "__main__":
    main()
