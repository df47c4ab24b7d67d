"""`env`: what a reinforcement-learning method plays. One model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import (
    BringsCode,
    Cadence,
    Checkpoint,
    Count,
    FilePath,
    ImportPath,
    ModelName,
    NonEmpty,
    RecipeModel,
    Temperature,
)
from schemas.data import Data
from schemas.model import AskedModel


class EnvEval(RecipeModel):
    every: Count = Field(description="Evaluate every N steps.")
    size: Count = Field(description="Number of problems, from a seed range of their own.")


GemWrapper = Literal[
    "python_tool",
    "python_tool_no_int_reward",
    "python_tool_no_int_reward_last_line_error",
    "concat",
    "concat_with_action",
    "concat_chat",
]


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
    wrappers: list[GemWrapper] = Field(
        default=[],
        description="GEM's wrappers, innermost first: the Python tool, then what builds prompts.",
        examples=[["concat"], ["python_tool", "concat_chat"]],
    )
    max_turns: Count | None = Field(
        default=None, description="Turns after which an episode is cut off; none: the game's own."
    )
    dataset: FilePath | None = Field(
        default=None, description="A local data file in place of the hub's data set."
    )
    allow_unsafe_execution: bool = Field(
        default=False,
        description="Run the programs of the Python tool without isolation where there is none.",
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
        default=None,
        description="A local JSONL file in the columns of the DeepCoder data set, in its place.",
        examples=["data/code_problems.jsonl"],
    )
    test_dataset: FilePath | None = Field(
        default=None, description="A local JSONL file to evaluate on, where `dataset` is one."
    )
    sandbox: Literal["isolated", "sandboxfusion", "modal"] = Field(
        default="isolated",
        description="Where the model's programs run: an isolated runner on this machine, or a "
        "remote sandbox that the Cookbook supports.",
    )
    timeout_s: Count = Field(default=6, description="Seconds that each test may take.")
    max_turns: Count = Field(default=2, description="Turns of an episode.")
    format_coef: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="Taken off the reward of a reply without a block of code."
    )
    memory_mb: Count = Field(
        default=1024, description="isolated: memory of each process of a program, in MiB."
    )
    allow_unsafe_execution: bool = Field(
        default=False,
        description="isolated: run programs without isolation, with your own rights, where there "
        "is none.",
    )


class SearchEnv(RecipeModel):
    """Questions answered with retrieval as a tool, as in the Cookbook's search_tool."""

    kind: Literal["search"]
    dataset: FilePath | None = Field(
        default=None,
        description="JSONL of {question, answers}, in place of the hub's Search-R1 data set.",
        examples=["data/search_questions.jsonl"],
    )
    documents: FilePath | None = Field(
        default=None,
        description="JSONL of {id, title, text}: the passages of a vector store in this process.",
        examples=["data/search_documents.jsonl"],
    )
    server: NonEmpty | None = Field(
        default=None,
        description="host:port of a Chroma server with Gemini embeddings, in place of `documents`.",
        examples=["localhost:8000"],
    )
    collection: NonEmpty = Field(
        default="wiki_embeddings", description="Collection of the Chroma server."
    )
    embedding_model: NonEmpty = Field(
        default="gemini-embedding-001",
        description="Embeds the queries to a server; `documents` are embedded on this machine.",
    )
    embedding_dim: Count = Field(default=768, description="Numbers in an embedding.")
    n_results: Count = Field(default=3, description="Passages that a search returns.")
    max_turns: Count = Field(default=5, description="Turns of an episode.")
    format_coef: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="Taken off the reward of a reply without `Answer:`."
    )
    max_trajectory_tokens: Count = Field(
        default=32768, description="Tokens after which an episode is cut off."
    )


class MultiplayerEnv(RecipeModel):
    """Games against another model or against oneself, as in the Cookbook's multiplayer_rl."""

    kind: Literal["multiplayer"]
    game: Literal["guess_number", "twenty_questions", "text_arena"] = Field(
        description="guess_number against a program, twenty_questions against a model, "
        "text_arena against oneself."
    )
    answerer: AskedModel | None = Field(
        default=None, description="twenty_questions: the model that knows the word and answers."
    )
    id: NonEmpty | None = Field(
        default=None,
        description="text_arena: TextArena's id of a two-player game.",
        examples=["TicTacToe-v0"],
    )
    train_games: Count = Field(
        default=20480, description="text_arena: games of self-play to train on."
    )
    test_games: Count | None = Field(
        default=None,
        description="Games of the evaluation; none: all 103 numbers or 34 words, or 128 games.",
    )
    test_group_size: Count | None = Field(
        default=None,
        description="Tries at each game of the evaluation; none: 4 for guess_number, 32 for "
        "twenty_questions.",
    )
    test_opponent: Literal["base_model", "random", "optimal"] = Field(
        default="base_model",
        description="text_arena: whom the evaluation plays against; optimal knows tic-tac-toe.",
    )


class RewardModelJudge(RecipeModel):
    """A model that `sft` trained on comparisons."""

    kind: Literal["reward_model"]
    model: ModelName | None = Field(default=None, description="Default: the model being trained.")
    load_from: Checkpoint = Field(description="The reward model's checkpoint.")
    renderer: NonEmpty = Field(
        default="auto",
        description="The renderer that it was trained with; auto: that of the model being trained, "
        "or the Cookbook's recommended one where `model` names another.",
    )


class PromptedJudge(AskedModel):
    """A model that is told what makes one reply better than another."""

    kind: Literal["prompted"]
    principles: Annotated[list[NonEmpty], Field(min_length=1)] = Field(
        description="What the judge goes by, one sentence each; a constitution."
    )
    max_tokens: Count = Field(
        default=512, description="Tokens that the judge may have; the verdict is its last line."
    )
    temperature: Temperature = Field(default=0.0, description="Temperature of the verdicts.")


class ShorterJudge(RecipeModel):
    """Prefers the reply with fewer characters."""

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
    """Replies of a group, compared in pairs: a reply's reward is its wins less its losses."""

    kind: Literal["preference"]
    data: Data | None = Field(
        default=None,
        description="Comparisons or prompts; none: the one prompt of the Cookbook's shorter.",
    )
    judge: Judge = Field(description="Who compares two replies.")
    matches: Literal["both_ways", "one_way"] = Field(
        default="both_ways", description="Each pair twice, in both orders, or once."
    )
    eval_size: Cadence = Field(
        default=0,
        description="Comparisons kept apart, for how often the policy beats the reply they hold.",
    )


class Grader(AskedModel):
    max_tokens: Count = Field(default=2048, description="Tokens that a grade may have.")


class RubricEnv(RecipeModel):
    """Replies graded by a model against rubrics, as in the Cookbook's rubric recipe."""

    kind: Literal["rubric"]
    data: FilePath = Field(
        description="JSONL of {convo, rubric_items}, to train on.",
        examples=["data/rubric_train.jsonl"],
    )
    test_data: FilePath | None = Field(default=None, description="The same, to evaluate on.")
    test_group_size: Count = Field(
        default=1, description="Replies to each conversation of the evaluation."
    )
    grader: Grader = Field(description="The model that grades.")


class VerifiersEnv(RecipeModel):
    """An environment of Prime Intellect's hub, through the `verifiers` library."""

    kind: Literal["verifiers"]
    id: Annotated[NonEmpty, BringsCode()] = Field(
        description="The environment's id; its module has to be installed, or beside the recipe.",
        examples=["reverse-text"],
    )
    kwargs: dict[str, Any] = Field(default={}, description="What that environment takes.")
    examples: Count | None = Field(default=None, description="Examples to use; none: all.")
    shuffle: bool = Field(default=False, description="Put the examples in an order of the seed's.")
    max_concurrent: Count | None = Field(
        default=None, description="Rollouts of a group at once; none: all of them."
    )
    max_concurrent_scoring: Count | None = Field(
        default=None, description="Scores of a group at once; none: all of them."
    )


class CustomEnv(RecipeModel):
    """An RLDatasetBuilder of the user's own."""

    kind: Literal["custom"]
    builder: ImportPath = Field(
        description="package.module:Name of what returns an RLDatasetBuilder, imported when the "
        "recipe runs, never before.",
        examples=["modules.memory:dataset_builder"],
    )
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
