"""`env.judge` -> the Cookbook's builder of a preference model."""

from __future__ import annotations

from typing import Any

import chz
import tinker
from tinker_cookbook import renderers
from tinker_cookbook.preference.types import (
    PreferenceModel,
    PreferenceModelBuilder,
    PreferenceModelBuilderFromChatRenderer,
    PreferenceModelFromChatRenderer,
)
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.envs import Rollouts
from recipe_runner.envs.preference.prompted import PromptedJudgeBuilder
from recipe_runner.errors import UserCodeError
from recipe_runner.planning.resolve import renderer_of
from recipe_runner.user_code import blamed, load_object
from schemas.env import CustomJudge, Judge, PromptedJudge, RewardModelJudge


def judge_builder(judge: Judge, rollouts: Rollouts) -> PreferenceModelBuilder:
    """Return the builder of a judge."""
    if isinstance(judge, RewardModelJudge):
        return _reward_model(judge, rollouts)
    if isinstance(judge, PromptedJudge):
        return PromptedJudgeBuilder(
            model_name=judge.model,
            renderer_name=renderer_of(judge.model, judge.renderer),
            principles=tuple(judge.principles),
            max_tokens=judge.max_tokens,
            temperature=judge.temperature,
            model_path=rollouts.checkpoint(judge.load_from),
            base_url=rollouts.base_url,
        )
    if isinstance(judge, CustomJudge):
        return CustomJudgeBuilder(builder=judge.builder, kwargs=judge.kwargs)
    from tinker_cookbook.recipes.preference.shorter.env import ShorterPreferenceModelBuilder

    return ShorterPreferenceModelBuilder()


@chz.chz
class CustomJudgeBuilder(PreferenceModelBuilder):
    """Calls what the recipe names, once the run starts."""

    builder: str
    kwargs: dict[str, Any]

    def __call__(self) -> PreferenceModel:
        make = load_object(self.builder)
        with blamed(self.builder):
            judge = make(**self.kwargs)
        if not isinstance(judge, PreferenceModel):
            raise UserCodeError(
                f"{self.builder} returned a {type(judge).__name__}; a judge is a "
                "tinker_cookbook.preference.types.PreferenceModel"
            )
        return judge


@chz.chz
class BaseModelJudgeBuilder(PreferenceModelBuilder):
    """An untrained model in a reward model's place: a preflight has no checkpoints."""

    renderer_name: str
    model_name: str
    base_url: str | None = None

    def __call__(self) -> PreferenceModel:
        renderer = renderers.get_renderer(self.renderer_name, get_tokenizer(self.model_name))
        client = tinker.ServiceClient(base_url=self.base_url).create_sampling_client(
            base_model=self.model_name
        )
        return PreferenceModelFromChatRenderer(renderer, client)


def _reward_model(judge: RewardModelJudge, rollouts: Rollouts) -> PreferenceModelBuilder:
    model = judge.model or rollouts.model_name
    own = judge.renderer == "auto" and model == rollouts.model_name
    renderer = rollouts.renderer_name if own else renderer_of(model, judge.renderer)
    path = rollouts.checkpoint(judge.load_from)
    if path is None:
        return BaseModelJudgeBuilder(
            renderer_name=renderer, model_name=model, base_url=rollouts.base_url
        )
    return PreferenceModelBuilderFromChatRenderer(
        renderer_name=renderer, model_name=model, rm_weights_path=path, base_url=rollouts.base_url
    )
