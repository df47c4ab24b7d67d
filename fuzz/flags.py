"""What follows `--set`, `--var` and `--variant`: null bytes stand between them.

Right: as for a recipe; and a diagnostic about a flag points into that flag's text.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.limits import Limits
from fuzz.recipes import check_printed, directory
from recipe_runner.language import RecipeError
from recipe_runner.planning.checks import load_and_check

LIMITS = Limits(max_bytes=512)
RECIPE = """\
version: 1
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: gem, id: "rg:simple_equations"}
rollout: {groups_per_batch: 64, group_size: 8, max_tokens: 2048}
optimizer: {learning_rate: "{{ vars.rate }}"}
vars: {rate: 2e-5}
steps: 200
variants: {matrix: {model.lora_rank: [8, 32], seed: [1, 2]}}
"""


def seeds() -> Iterator[bytes]:
    yield b"optimizer.learning_rate=1e-5\0rate=3e-5\0lora_rank=8,seed=1"
    yield b"env={kind: math, dataset: gsm8k}\0rate=\0seed=1,lora_rank=08"
    yield b"rolout.group_size=[1, 2]\0rates='a b'\0model.lora_rank=8"
    yield b'variants.matrix.seed=[1,2,3]\0a="{{ vars.rate }}"\0'
    yield b"kl=null\0rate=!!int 3\0x"


def one_input(data: bytes) -> None:
    path = directory() / "flags.yaml"
    path.write_text(RECIPE)
    # As Python decodes a command line; the kernel lets no null byte through.
    words = data.decode("utf-8", errors="surrogateescape").split("\0")
    override, variable, variant = [*words, "", "", ""][:3]
    flags = {"--set": [override], "--var": [variable], "--variant": [variant]}
    try:
        found = load_and_check(
            path, overrides=[override], variables=[variable], variant=variant or None
        )[1]
    except RecipeError as error:
        found = error.diagnostics
    for diagnostic in found:
        if diagnostic.file in flags:
            assert diagnostic.line == 1, diagnostic
            assert diagnostic.column <= len(flags[diagnostic.file][0]) + 1, diagnostic
    check_printed(found, flags)
