"""recipes/eval_inspect.yaml against `python -m tinker_cookbook.eval.run_inspect_evals …`."""

from __future__ import annotations

import chz
from tinker_cookbook.eval.run_inspect_evals import Config

from recipe_runner.compile import Job
from tests.compile.originals.originals import assert_equal_but_for, compiled

ARGUMENTS = [
    "model_path=tinker://YOUR_MODEL/sampler_weights/final",
    "model_name=meta-llama/Llama-3.2-1B",
    "tasks=inspect_evals/ifeval",
]


def test_the_variant_ifeval_is_the_command() -> None:
    original = chz.Blueprint(Config).make_from_argv(ARGUMENTS)
    job = compiled(
        "eval_inspect.yaml",
        "model.load_from=tinker://YOUR_MODEL/sampler_weights/final",
        variant="ifeval",
    )
    assert job.config.model_path == original.model_path
    (builder,) = job.config.evaluator_builders
    assert_equal_but_for(
        Job(entry="", config=builder),
        original,
        {
            "model_path": "compared above: it belongs to the evaluation, not to the evaluator",
            "log_dir": "below the run's directory",
            "renderer_name": "resolved before the run; the command resolves it when it starts",
        },
    )


def test_the_renderer_is_the_one_that_the_command_resolves() -> None:
    from tinker_cookbook import model_info

    job = compiled("eval_inspect.yaml", variant="ifeval")
    wanted = model_info.get_recommended_renderer_name("meta-llama/Llama-3.2-1B")
    assert job.config.renderer_name == wanted
