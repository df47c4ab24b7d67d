"""Which commands can be imported, and how each comes to its configuration.

Explicit tables: these modules are imported and called with their training loop taken out, and no
other is ever executed.
"""

from __future__ import annotations

from dataclasses import dataclass

RECIPES = "tinker_cookbook.recipes"
_SUPERVISED = "tinker_cookbook.supervised.train:main"
_RL = "tinker_cookbook.rl.train:main"
_ON_POLICY = "tinker_cookbook.distillation.train_on_policy:main"


@dataclass(frozen=True)
class Loop:
    """A command whose main function makes a configuration and hands it to a loop.

    Attributes:
        loop: the loop's function as the command looks it up, `module:name`.
        main: the function that is called with the arguments.
        more: what it is called with besides.
    """

    loop: str
    main: str = "cli_main"
    more: tuple[None, ...] = ()


@dataclass(frozen=True)
class Made:
    """A command with a function that makes the configuration of its arguments."""

    function: str = "build_config"


@dataclass(frozen=True)
class Blueprint:
    """A command whose arguments are the fields of the loop's configuration."""

    function: str = "build_config_blueprint"


@dataclass(frozen=True)
class Settings:
    """A command whose arguments are all the configuration that it has."""

    class_name: str = "Config"


@dataclass(frozen=True)
class Pipeline:
    """The Cookbook's RLHF: three loops, one after the other."""


@dataclass(frozen=True)
class Gem:
    """A script of GEM's, whose arguments are read and which is not executed."""

    with_cookbook: bool


Command = Loop | Made | Blueprint | Settings | Pipeline | Gem

COMMANDS: dict[str, Command] = {
    f"{RECIPES}.sl_basic": Blueprint(),
    f"{RECIPES}.rl_basic": Blueprint(),
    f"{RECIPES}.sl_loop": Settings(),
    f"{RECIPES}.rl_loop": Settings(),
    f"{RECIPES}.chat_sl.train": Loop(_SUPERVISED),
    f"{RECIPES}.prompt_distillation.train": Loop(_SUPERVISED),
    f"{RECIPES}.distillation.off_policy_reasoning": Loop(_SUPERVISED),
    f"{RECIPES}.math_rl.train": Loop(f"{RECIPES}.math_rl.train:main"),
    f"{RECIPES}.code_rl.train": Loop(f"{RECIPES}.code_rl.train:main"),
    f"{RECIPES}.search_tool.train": Loop(_RL),
    f"{RECIPES}.rubric.train": Loop(f"{RECIPES}.rubric.train:main"),
    f"{RECIPES}.verifiers_rl.train": Loop(_RL, more=(None,)),
    f"{RECIPES}.multiplayer_rl.guess_number.train": Made(),
    f"{RECIPES}.multiplayer_rl.twenty_questions.train": Made(),
    f"{RECIPES}.multiplayer_rl.text_arena.train": Made(),
    f"{RECIPES}.preference.shorter.train": Loop(_RL),
    f"{RECIPES}.preference.dpo.train": Loop("tinker_cookbook.preference.train_dpo:main"),
    f"{RECIPES}.preference.rlhf.rlhf_pipeline": Pipeline(),
    f"{RECIPES}.distillation.on_policy_distillation": Loop(_ON_POLICY),
    f"{RECIPES}.distillation.on_policy_multi_teacher": Loop(_ON_POLICY),
    f"{RECIPES}.sdft.train": Loop("tinker_cookbook.distillation.sdft:main"),
    "tinker_cookbook.eval.run_inspect_evals": Settings(),
    "examples.train_tinker.tinker_cookbook_train": Gem(with_cookbook=True),
    "examples.train_tinker.tinker_train": Gem(with_cookbook=False),
}

# The Cookbook's other commands, and why they are not there.
NOT_COVERED = {
    f"{RECIPES}.prompt_distillation.create_data": "its prompts are the lines of a text file: see "
    "`method: generate`, and recipes/prompt_distillation.yaml for both halves",
    f"{RECIPES}.chat_sl.sweep": "a sweep is `variants` of one recipe: import chat_sl.train",
    "tinker_cookbook.xmux.examples.async_rl_sweep": "a sweep is `variants` of one recipe: see "
    "recipes/async_rl.yaml",
}
NO_METHOD = "no environment or data kind of the recipe language covers it"
