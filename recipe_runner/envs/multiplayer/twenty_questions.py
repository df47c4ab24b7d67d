"""A noun is found out with twenty questions to another model, which knows it."""

from __future__ import annotations

import chz
import tinker
from tinker_cookbook.completers import MessageCompleter
from tinker_cookbook.recipes.multiplayer_rl.twenty_questions.env import (
    TwentyQuestionsDatasetBuilder,
)
from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import Rollouts
from recipe_runner.envs.asked import asked_model
from recipe_runner.envs.passes import in_passes, num_problems
from schemas.env import MultiplayerEnv

# Tokens of an answer, yes or no: the Cookbook's.
ANSWER_TOKENS = 5


@chz.chz
class SeededTwentyQuestionsBuilder(TwentyQuestionsDatasetBuilder):
    """The Cookbook's game with an order of words that depends on the seed, and any answerer.

    The words of the evaluation are the Cookbook's, whatever the seed.

    Attributes:
        answerer_path: the `tinker://` path of the answerer's weights; None: the base model's.
        answerer_renderer_name: None: as the Cookbook chooses, without thinking for Qwen3.
    """

    seed: int
    num_batches: int | None
    test_games: int | None
    answerer_path: str | None
    answerer_renderer_name: str | None

    def _get_train_and_test_words(self) -> tuple[list[str], list[str]]:
        train, test = super()._get_train_and_test_words()
        needed = num_problems(self.num_batches, self.batch_size)
        return in_passes(train, seed=self.seed, num_items=needed), test[: self.test_games]

    def _construct_answer_completer(self, service_client: tinker.ServiceClient) -> MessageCompleter:
        if self.answerer_path is None and self.answerer_renderer_name is None:
            return super()._construct_answer_completer(service_client)
        return asked_model(
            model_name=self.answerer_base_model,
            model_path=self.answerer_path,
            renderer_name=self.answerer_renderer_name,
            max_tokens=ANSWER_TOKENS,
            base_url=self.base_url,
        )


def builder(env: MultiplayerEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of the game."""
    assert env.answerer is not None, "check() refuses the game without an answerer"
    renderer = env.answerer.renderer
    return SeededTwentyQuestionsBuilder(
        batch_size=rollouts.groups_per_batch,
        model_name_for_tokenizer=rollouts.model_name,
        renderer_name=rollouts.renderer_name,
        group_size=rollouts.group_size,
        base_url=rollouts.base_url,
        test_group_size=env.test_group_size or 32,
        answerer_base_model=env.answerer.model,
        answerer_path=rollouts.checkpoint(env.answerer.load_from),
        answerer_renderer_name=None if renderer == "auto" else renderer,
        seed=rollouts.seed,
        num_batches=rollouts.num_batches,
        test_games=env.test_games,
    )
