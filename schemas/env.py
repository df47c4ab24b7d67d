"""`env`: what a reinforcement-learning method plays. One model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import (
    Cadence,
    Checkpoint,
    Count,
    FilePath,
    ImportPath,
    ModelName,
    NonEmpty,
    RecipeModel,
)
from schemas.data import Data
from schemas.model import AskedModel


class EnvEval(RecipeModel):
    every: Count = Field(description="Evaluate every N steps.")
    size: Count = Field(description="Number of problems, from a seed range of their own.")


class GemEnv(RecipeModel):
    """A GEM environment, by its id."""

    kind: Literal["gem"]
    id: NonEmpty = Field(
        description="GEM's id of the environment.",
        examples=["math:Math12K", "rg:simple_equations", "game:Sudoku-v0-easy"],
    )
    kwargs: dict[str, Any] = Field(
        default={},
        description="What that environment takes; for rg: ids the reasoning_gym data set's keys.",
    )
    prompt: NonEmpty = Field(
        default="boxed",
        description="boxed (asks for \\boxed{}), none, or a template with {{ observation }}.",
        examples=["boxed", "none", "Solve: {{ observation }}"],
    )
    wrappers: list[NonEmpty] = Field(
        default=[], description="GEM's observation wrappers, innermost first."
    )
    max_turns: Count | None = Field(
        default=None, description="Turns after which an episode is cut off; none: the game's own."
    )
    dataset: FilePath | None = Field(
        default=None, description="A local data file in place of the hub's data set."
    )
    eval: EnvEval | None = Field(default=None, description="Evaluation on problems kept apart.")


class MathEnv(RecipeModel):
    """The Cookbook's arithmetic environment and its mathematics data sets."""

    kind: Literal["math"]
    dataset: Literal["arithmetic", "math", "polaris", "deepmath", "gsm8k"] = Field(
        description="arithmetic is procedural; the others are hub data sets of the Cookbook."
    )


class CodeEnv(RecipeModel):
    """Programming problems with unit tests as the reward, as in the Cookbook's code_rl."""

    kind: Literal["code"]
    dataset: FilePath | None = Field(
        default=None, description="A local JSONL file in place of the DeepCoder data set."
    )
    sandbox: Literal["isolated", "sandboxfusion", "modal"] = Field(
        default="isolated",
        description="Where the model's programs run: an isolated runner on this machine, or a "
        "remote sandbox that the Cookbook supports.",
    )
    timeout_s: Count = Field(default=6, description="Seconds that each test may take.")
    max_turns: Count = Field(default=2, description="Turns of an episode.")
    format_coef: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="Weight of the reward for the asked-for format."
    )
    allow_unsafe_execution: bool = Field(
        default=False,
        description="Run the model's programs without isolation where there is none.",
    )


class SearchEnv(RecipeModel):
    """Questions answered with retrieval as a tool, as in the Cookbook's search_tool."""

    kind: Literal["search"]
    dataset: FilePath | None = Field(
        default=None, description="A local JSONL file in place of the Search-R1 data set."
    )
    documents: FilePath | None = Field(
        default=None,
        description="JSONL of {id, title, text}: the passages of an embedded vector store.",
    )
    server: NonEmpty | None = Field(
        default=None, description="host:port of a Chroma server, in place of `documents`."
    )
    collection: NonEmpty = Field(
        default="wiki_embeddings", description="Collection of the Chroma server."
    )
    embedding: Literal["hashing", "gemini"] = Field(
        default="hashing",
        description="hashing: word counts, on this machine; gemini: Google's, with a key.",
    )
    n_results: Count = Field(default=3, description="Passages that a search returns.")
    max_turns: Count = Field(default=5, description="Turns of an episode.")
    format_coef: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="Weight of the reward for the asked-for format."
    )
    max_trajectory_tokens: Count = Field(
        default=32768, description="Tokens after which an episode is cut off."
    )


class MultiplayerEnv(RecipeModel):
    """Games against another model or against oneself, as in the Cookbook's multiplayer_rl."""

    kind: Literal["multiplayer"]
    game: Literal["guess_number", "twenty_questions", "text_arena"]
    answerer: AskedModel | None = Field(
        default=None, description="twenty_questions: the model that knows the word and answers."
    )
    id: NonEmpty | None = Field(
        default=None,
        description="text_arena: TextArena's id of a two-player game.",
        examples=["TicTacToe-v0"],
    )
    train_games: Count = Field(
        default=131072, description="text_arena: games of self-play to train on."
    )
    test_games: Count = Field(default=128, description="text_arena: games of the evaluation.")
    test_opponent: Literal["base_model", "optimal"] = Field(
        default="base_model", description="text_arena: whom the evaluation plays against."
    )


class RewardModelJudge(RecipeModel):
    """A model that `sft` trained on comparisons."""

    kind: Literal["reward_model"]
    model: ModelName | None = Field(default=None, description="Default: the model being trained.")
    load_from: Checkpoint = Field(description="The reward model's checkpoint.")


class PromptedJudge(AskedModel):
    """A model that is told what makes one reply better than another."""

    kind: Literal["prompted"]
    principles: Annotated[list[NonEmpty], Field(min_length=1)] = Field(
        description="What the judge goes by, one sentence each; a constitution."
    )


class ShorterJudge(RecipeModel):
    """Prefers the reply with fewer tokens."""

    kind: Literal["shorter"]


class CustomJudge(RecipeModel):
    """A callable that returns a PreferenceModel of the Cookbook."""

    kind: Literal["custom"]
    builder: ImportPath
    kwargs: dict[str, Any] = Field(default={}, description="What the builder is called with.")


Judge = Annotated[
    RewardModelJudge | PromptedJudge | ShorterJudge | CustomJudge, Field(discriminator="kind")
]


class PreferenceEnv(RecipeModel):
    """Replies of a group, compared in pairs."""

    kind: Literal["preference"]
    data: Data | None = Field(
        default=None, description="Comparisons or prompts; shorter has its own prompts."
    )
    judge: Judge = Field(description="Who compares two replies.")
    matches: Literal["both_ways", "one_way"] = Field(
        default="both_ways", description="Each pair twice, in both orders, or once."
    )
    eval_size: Cadence = Field(default=0, description="Comparisons kept apart for evaluation.")


class RubricEnv(RecipeModel):
    """Replies graded by a model against rubrics, as in the Cookbook's rubric recipe."""

    kind: Literal["rubric"]
    data: FilePath = Field(description="JSONL of conversations with rubrics, to train on.")
    test_data: FilePath | None = Field(default=None, description="The same, to evaluate on.")
    grader: AskedModel = Field(description="The model that grades.")


class VerifiersEnv(RecipeModel):
    """An environment of Prime Intellect's hub, through the `verifiers` library."""

    kind: Literal["verifiers"]
    id: NonEmpty = Field(description="The environment's id.", examples=["reverse-text"])
    kwargs: dict[str, Any] = Field(default={}, description="What that environment takes.")
    examples: Count | None = Field(default=None, description="Examples to use; none: all.")
    max_concurrent: Count | None = Field(
        default=None, description="Requests at once; none: without limit."
    )


class CustomEnv(RecipeModel):
    """An RLDatasetBuilder of the user's own."""

    kind: Literal["custom"]
    builder: ImportPath
    kwargs: dict[str, Any] = Field(default={}, description="What the builder is called with.")


Env = Annotated[
    GemEnv
    | MathEnv
    | CodeEnv
    | SearchEnv
    | MultiplayerEnv
    | PreferenceEnv
    | RubricEnv
    | VerifiersEnv
    | CustomEnv,
    Field(discriminator="kind"),
]
