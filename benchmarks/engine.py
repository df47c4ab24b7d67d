"""The local backend's engine alone: sampling and a training step, held against torch's own ways.

    OMP_WAIT_POLICY=passive python benchmarks/engine.py [--repeat 5] [--models shipped wide]

Sampling is compared with transformers' `generate`, a training step with a plain loop in torch
(`plain_loop.py`), and both with their bare matrix products (`bare_products.py`), on the same model
and batch, in turns in one process. Two models: the shipped one, and a wider one of random weights,
where products weigh more. One thread, as the server has it by default; everything warm. No server
and no HTTP: `local_backend.py` has those.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rows
import timing
import torch
from bare_products import Products
from plain_loop import PlainLoop
from torch import Tensor
from transformers import AutoModelForCausalLM, Qwen3Config
from transformers.utils import logging

from recipe_runner.backends.local.engine import Adam, Datum, Engine, LoraSpec, SampleRequest
from recipe_runner.backends.local.models import SHIPPED_DIR

PROMPT_TOKENS, NEW_TOKENS = 16, 32
BATCHES = (1, 8, 32, 128)
RANK, TRAINED_TOKENS = 32, 60
WIDE = Qwen3Config(
    vocab_size=8192,
    hidden_size=512,
    intermediate_size=1536,
    num_hidden_layers=8,
    num_attention_heads=8,
    num_key_value_heads=4,
    head_dim=64,
    max_position_embeddings=4096,
    tie_word_embeddings=False,
    eos_token_id=1,
)
# Sequences of a training step: few of the wide model's, so that a round takes seconds.
SEQUENCES = {"shipped": 32, "wide": 8}
WITHIN = 1.1


@dataclass(frozen=True)
class Subject:
    """A model on disk, as the engine serves it, and its products."""

    name: str
    path: Path
    engine: Engine
    products: Products
    vocabulary: int
    sequences: int
    repeat: int

    def load(self) -> torch.nn.Module:
        """The same model as transformers has it."""
        return AutoModelForCausalLM.from_pretrained(self.path, dtype=torch.float32).eval()

    def tokens(self, *shape: int) -> Tensor:
        return torch.randint(2, self.vocabulary, shape)


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", nargs="+", choices=SEQUENCES, default=list(SEQUENCES))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    logging.disable_progress_bar()
    found = []
    with tempfile.TemporaryDirectory() as directory:
        write_wide(Path(directory))
        for name in given.models:
            path = SHIPPED_DIR if name == "shipped" else Path(directory)
            with served(path, SEQUENCES[name], given.threads, given.repeat) as subject:
                model = subject.load()
                found += [sampling(subject, model, batch) for batch in BATCHES]
                found.append(training(subject))
                small_things(subject)
    rows.show(found, given.rows)


def write_wide(directory: Path) -> None:
    """Random weights of the wide shape, with the shipped tokenizer."""
    AutoModelForCausalLM.from_config(WIDE).save_pretrained(directory)
    for file in SHIPPED_DIR.glob("tokenizer*.json"):
        shutil.copy(file, directory)


@contextmanager
def served(path: Path, sequences: int, threads: int, repeat: int) -> Iterator[Subject]:
    """An engine with a model in training, `model`, and a sampler of it, `sampler`."""
    engine = Engine(threads=threads, model_path=path)
    engine.create_model("model", "some/model", LoraSpec(RANK)).result()
    engine.create_sampler("sampler", model_id="model").result()
    config = Qwen3Config.from_pretrained(path)
    size = sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(path).parameters()) / 1e6
    yield Subject(
        name=f"{size:.1f} M parameters",
        path=path,
        engine=engine,
        products=Products(config),
        vocabulary=config.vocab_size,
        sequences=sequences,
        repeat=repeat,
    )
    engine.close()


def sampling(subject: Subject, model: torch.nn.Module, batch: int) -> rows.Row:
    """Tokens a second of a whole batch, prefill included, against `generate`."""
    prompts = subject.tokens(batch, PROMPT_TOKENS)

    def ours() -> None:
        futures = [
            subject.engine.sample("sampler", SampleRequest(prompt, 1, NEW_TOKENS, stop=[]))
            for prompt in prompts.tolist()
        ]
        for future in futures:
            assert len(future.result().sequences[0].tokens) == NEW_TOKENS

    def theirs() -> None:
        lengths = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS}
        model.generate(prompts, **lengths, do_sample=True, top_k=0, pad_token_id=0)

    limit = subject.products.decoding(batch, PROMPT_TOKENS, NEW_TOKENS)
    mine, peer, bare = medians([ours, theirs, limit], subject.repeat)
    tokens = batch * NEW_TOKENS
    return rows.Row(
        what=f"sampling {NEW_TOKENS} tokens, batch {batch}, {subject.name}",
        against="transformers' generate",
        ours=f"{tokens / mine:,.0f} tokens/s",
        theirs=f"{tokens / peer:,.0f} tokens/s",
        ratio=f"{peer / mine:.1f} times faster, {bare / mine:.0%} of the products' limit",
        goal="ahead",
        met=mine < peer,
    )


def training(subject: Subject) -> rows.Row:
    """Seconds of forward, backward and optimizer step, against the plain loop."""
    shape = (subject.sequences, TRAINED_TOKENS)
    tokens, targets = subject.tokens(*shape), subject.tokens(*shape)
    logprobs, advantages = torch.full(shape, -5.0), torch.randn(shape)
    data = [
        Datum(row.tolist(), {"target_tokens": target, "logprobs": old, "advantages": advantage})
        for row, target, old, advantage in zip(tokens, targets, logprobs, advantages, strict=True)
    ]
    plain = PlainLoop(subject.load(), RANK)
    engine = subject.engine

    def ours() -> list[Tensor]:
        trained = engine.forward_backward("model", data, "importance_sampling", {})
        engine.optim_step("model", Adam(1e-4)).result()
        return [output["logprobs"] for output in trained.result().outputs]

    def theirs() -> Tensor:
        return plain.step(tokens, targets, logprobs, advantages)

    # LoRA starts at zero, so at the first step both compute the same.
    torch.testing.assert_close(torch.stack(ours()), theirs(), rtol=0, atol=1e-3)
    limit = subject.products.training(*shape, RANK)
    mine, peer, bare = medians([ours, theirs, limit], subject.repeat)
    return rows.Row(
        what=f"training step, {shape[0]} x {shape[1]} tokens, rank {RANK}, {subject.name}",
        against="a plain torch loop",
        ours=f"{mine * 1e3:,.0f} ms",
        theirs=f"{peer * 1e3:,.0f} ms",
        ratio=f"{mine / peer:.2f} of its time, {bare / mine:.0%} of the products' limit",
        goal=f"at most {WITHIN}",
        met=mine <= WITHIN * peer,
    )


def small_things(subject: Subject) -> None:
    """Print what a run waits for beside: an optimizer step, a new sampler's first token."""
    engine = subject.engine

    def first_token() -> None:
        engine.create_sampler("fresh", model_id="model").result()
        engine.sample("fresh", SampleRequest([5, 6, 7], 1, 1, stop=[])).result()
        engine.drop_sampler("fresh").result()

    def optim_step() -> None:
        engine.optim_step("model", Adam(1e-4)).result()

    for name, work in (
        ("optim_step", optim_step),
        ("snapshot, merge and one token", first_token),
    ):
        (seconds,) = medians([work], subject.repeat)
        print(f"{name}, {subject.name}: {seconds * 1e3:.1f} ms", flush=True)


def medians(works: list, repeat: int) -> list[float]:
    return [statistics.median(seconds) for seconds in timing.in_turns(works, repeat, warm_up=1)]


if __name__ == "__main__":
    main()
