"""Make the shipped model: `python -m recipe_runner.backends.local.shipped.make --out DIR`.

Writes the tokenizer, the weights and their configurations; the same bytes for the same seed,
steps, threads and versions of torch and reasoning_gym on the same kind of processor.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import data
from .tokenizer import build_tokenizer

_TOKENIZER_SEED = 0
_NUM_EXAMPLES = 30_000
_REPORT_EVERY = 25


def make_tokenizer() -> Any:
    """The shipped tokenizer, which depends on nothing but the environments' templates."""
    return build_tokenizer(data.sample_texts(_TOKENIZER_SEED))


def make(
    out: Path, *, seed: int, steps: int | None, num_examples: int = _NUM_EXAMPLES, threads: int = 1
) -> None:
    """Build the tokenizer, generate the data, train, and write the files into `out`."""
    from .train import TrainSpec, build_model, train

    spec = TrainSpec(seed=seed, threads=threads)
    if steps is not None:
        spec = replace(spec, steps=steps)
    tokenizer = make_tokenizer()
    model = build_model(tokenizer, seed)
    _say(f"{model.num_parameters():,} parameters, vocabulary {len(tokenizer)}")
    examples = data.make_examples(tokenizer, seed, num_examples)
    _say(f"{len(examples)} examples, {spec.steps} steps of {spec.batch_size}")

    def report(step: int, loss: float, seconds: float) -> None:
        if step % _REPORT_EVERY == 0 or step == spec.steps - 1:
            _say(f"step {step} loss {loss:.4f} {seconds:.0f} s")

    train(model, examples, spec, report)
    save(model, tokenizer, out)


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write the files; weights are stored in float16 and load as the configuration's float32."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(out)
    model.generation_config.save_pretrained(out)
    config = {**model.config.to_diff_dict(), "architectures": [type(model).__name__]}
    config.pop("_name_or_path", None)
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = {name: tensor.to(torch.float16) for name, tensor in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and make the model."""
    parser = argparse.ArgumentParser(description="Make the model that recipe-run ships.")
    parser.add_argument("--out", type=Path, required=True, help="directory to write into")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="training steps; fewer for a trial")
    parser.add_argument("--num-examples", type=int, default=_NUM_EXAMPLES)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    make(
        arguments.out,
        seed=arguments.seed,
        steps=arguments.steps,
        num_examples=arguments.num_examples,
        threads=arguments.threads,
    )


if __name__ == "__main__":
    main()
