"""`method: generate` -> `recipe_runner.loops.generate.Config`."""

from __future__ import annotations

from recipe_runner.compile.data.prompts import prompt_source
from recipe_runner.compile.job import Target
from recipe_runner.loops.generate import Config
from recipe_runner.planning.plan import Plan
from schemas.generate import GenerateRecipe

ENTRY = "recipe_runner.loops.generate:main"

# Fields of the loop's config that recipes do not expose, and why.
UNEXPOSED = {"max_in_flight": "what a service takes at a time changes nothing in the result"}


def config(plan: Plan, target: Target) -> Config:
    """Compile a `generate` plan.

    A stand-in model cannot be expected to answer in a form that `extract` matches; its replies are
    written out as they are, so that what reads them can be tried.
    """
    recipe = plan.recipe
    assert isinstance(recipe, GenerateRecipe)
    assert plan.renderer is not None, "every recipe with a model has a renderer"
    wandb = recipe.logging.wandb
    return Config(
        log_path=str(target.log_path),
        model_name=recipe.model.name,
        renderer_name=plan.renderer,
        recipe_name=f"recipe_run_{recipe.name}",
        load_checkpoint_path=target.sampler(recipe.model.load_from),
        base_url=target.base_url,
        prompts=prompt_source(recipe.data),
        num_prompts=recipe.num_prompts,
        system_prompt=recipe.system_prompt,
        prompt_template=recipe.prompt,
        samples_per_prompt=recipe.samples_per_prompt,
        max_tokens=recipe.sampling.max_tokens,
        temperature=recipe.sampling.temperature,
        top_p=recipe.sampling.top_p,
        top_k=recipe.sampling.top_k,
        seed=recipe.seed,
        extract=recipe.extract,
        keep_unmatched=plan.served.is_stand_in,
        output=recipe.output,
        wandb_project=wandb.project if wandb else None,
        wandb_name=(wandb.name or recipe.name) if wandb else None,
    )
