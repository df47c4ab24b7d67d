"""GEM's own loop: what its commands set, against what the recipes compile to.

GEM's example is no installed module, so its defaults and its templates are written down here, from
examples/train_tinker/tinker_train.py (read 2026-11). Differences that hold for all recipes:

- `batch_size` (128): the original drops turns at random until 128 are left, and collects until it
  has them; here all turns of `episodes_per_batch` episodes are trained on.
- `seed`: the original reads none; here it decides problems, sampling and initial weights.
- `save_every` (-1, never): here every 25 steps, and the final weights.
- Stop sequences: none in the original, the renderer's here.
- Metrics: the service's loss metrics have the same `train/` prefix; more is logged here.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from tinker_cookbook import renderers
from transformers import AutoTokenizer

from recipe_runner.backends.local import shipped
from recipe_runner.envs.gem.prompts import render_prompt
from recipe_runner.loops.reinforce import metrics, train
from tests.compile.originals.originals import compiled

DEFAULTS: dict[str, Any] = {
    "model_name": "Qwen/Qwen3-8B-Base",
    "learning_rate": 4e-5,
    "lora_rank": 32,
    "max_steps": 200,
    "gamma": 0.9,
    "use_rebn": True,
    "template": "qwen3_general",
    "env_wrappers": "concat",
}
COMMANDS: dict[str, dict[str, Any]] = {
    "gem_deepscaler": {
        "env_id": "math:DeepScaleR40K",
        "num_env": 128,
        "max_tokens": 8192,
    },
    "gem_math_python_tool": {
        "env_id": "math:Math12K",
        "num_env": 128,
        "max_tokens": 2048,
        "template": "no",
        "model_name": "meta-llama/Llama-3.1-8B-Instruct",
        "env_wrappers": "python_tool_no_int_reward_last_line_error,concat_chat",
        "gamma": 1.0,
    },
    "gem_sudoku": {
        "num_env": 64,
        "env_id": "game:Sudoku-v0-easy",
        "max_tokens": 1024,
        "template": "qwen3_game",
    },
    "gem_guess_the_number": {
        "num_env": 64,
        "env_id": "game:GuessTheNumber-v0-hard",
        "max_tokens": 1024,
        "template": "qwen3_game",
        "env_wrappers": "concat_chat",
    },
}
# Of one recipe alone: why a field differs.
DIFFERENT = {
    ("gem_deepscaler", "wrappers"): "concat has no effect on a single turn, so it is left out",
}
BOXED = "\nPlease reason step by step, and put your final answer within \\boxed{}."
TEMPLATES = {
    "qwen3_general": "Question: OBS" + BOXED,
    "qwen3_game": (
        "You are playing language games. Make valid actions to win.\nObservation: OBS" + BOXED
    ),
    "no": "OBS",
}
OBSERVATION = "Row 1: {1, 2}\n  <b>3 & 4</b>\n"


@pytest.mark.parametrize("recipe", COMMANDS)
def test_a_recipe_has_the_settings_of_its_command(recipe: str) -> None:
    original = DEFAULTS | COMMANDS[recipe]
    ours = compiled(f"{recipe}.yaml").config
    env = ours.dataset_builder
    fields = {
        "model_name": ours.model_name,
        "learning_rate": ours.learning_rate,
        "lora_rank": ours.lora_rank,
        "max_steps": ours.max_steps,
        "gamma": ours.gamma,
        "use_rebn": ours.normalize_returns,
        "env_id": env.env_id,
        "num_env": env.groups_per_batch,
        "max_tokens": ours.max_tokens,
        "wrappers": ",".join(env.wrappers),
    }
    wanted = {"wrappers": original["env_wrappers"], **original}
    differing = {key for key, value in fields.items() if wanted[key] != value}
    assert differing == {key for name, key in DIFFERENT if name == recipe}
    assert (env.group_size, ours.temperature, ours.loss_fn) == (1, 1.0, "importance_sampling")


@pytest.mark.parametrize("recipe", COMMANDS)
def test_a_recipe_asks_in_the_words_of_its_template(recipe: str) -> None:
    template = TEMPLATES[str((DEFAULTS | COMMANDS[recipe])["template"])]
    prompt = compiled(f"{recipe}.yaml").config.dataset_builder.prompt
    assert render_prompt(prompt, OBSERVATION) == template.replace("OBS", OBSERVATION)


@pytest.mark.parametrize("recipe", ["gem_deepscaler", "gem_sudoku"])
def test_qwen_sees_the_tokens_of_the_template(recipe: str) -> None:
    """The original writes Qwen's markers into the text; here the renderer does.

    With any tokenizer that has the markers. Llama's recipe has no template in the original but
    that of the tokenizer, which begins with a dated system message; the Cookbook's renderer leaves
    that out.
    """
    config = compiled(f"{recipe}.yaml").config
    tokenizer = AutoTokenizer.from_pretrained(Path(str(shipped.__file__)).parent)
    renderer = renderers.get_renderer(config.renderer_name, tokenizer)
    text = render_prompt(config.dataset_builder.prompt, OBSERVATION)
    prompt = renderer.build_generation_prompt([{"role": "user", "content": text}])
    template = TEMPLATES[str((DEFAULTS | COMMANDS[recipe])["template"])]
    body = template.replace("OBS", OBSERVATION)
    original = f"<|im_start|>user\n{body}<|im_end|>\n<|im_start|>assistant\n"
    assert prompt.to_ints() == tokenizer.encode(original, add_special_tokens=False)


def test_the_optimizer_and_the_names_of_the_metrics_are_the_originals() -> None:
    # tests/loops/test_reinforce.py runs the loop; this holds the names that dashboards read.
    source = inspect.getsource(metrics) + inspect.getsource(train)
    for name in (
        "sampler/episode_return",
        "sampler/num_turns_per_episode",
        "sampler/action_num_tokens",
        "sampler/num_episodes",
        "sampler/token_entropy",
        "train/kl_sample_train_v1",
        "train/kl_sample_train_v2",
    ):
        assert f'"{name}"' in source
    assert "beta1=0.9, beta2=0.95, eps=1e-8" in source
