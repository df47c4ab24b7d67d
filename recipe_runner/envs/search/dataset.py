"""The data set of questions, with the tool that answers queries."""

from __future__ import annotations

import asyncio
import random

import chz
from tinker_cookbook.recipes.search_tool.search_env import (
    SearchEnvGroupBuilder,
    SearchR1DatasetBuilder,
    SearchR1Datum,
    SearchRLDataset,
    download_search_r1_dataset,
)
from tinker_cookbook.recipes.search_tool.tools import ChromaTool, EmbeddingConfig, RetrievalConfig
from tinker_cookbook.rl.types import RLDataset, RLDatasetBuilder

from recipe_runner.envs import EnvironmentUnavailable, Rollouts
from recipe_runner.envs.passes import in_passes, num_problems
from recipe_runner.envs.search.store import EmbeddedTool
from recipe_runner.jsonl import Record, read_records
from schemas.env import SearchEnv


@chz.chz
class SearchDatasetBuilder(SearchR1DatasetBuilder):
    """The Cookbook's builder with questions from a file, or passages from a file, or both.

    Attributes:
        questions: JSONL of {"question", "answers"}; None: the hub's Search-R1 data set.
        documents: JSONL of passages for a store in this process; None: the Chroma server.
        num_batches: steps of the run; None: once through the questions.
    """

    questions: str | None
    documents: str | None
    num_batches: int | None

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        tool = await self._tool()
        questions = await asyncio.to_thread(self._questions)
        random.Random(self.seed).shuffle(questions)
        needed = num_problems(self.num_batches, self.batch_size)
        groups = [
            SearchEnvGroupBuilder(
                datum=datum,
                model_name=self.model_name_for_tokenizer,
                renderer_name=self.renderer_name,
                max_turns=self.max_turns,
                group_size=self.group_size,
                chroma_tool=tool,
                format_coef=self.format_coef,
                max_trajectory_tokens=self.max_trajectory_tokens,
            )
            for datum in in_passes(questions, seed=0, num_items=needed)
        ]
        return SearchRLDataset(groups, self.batch_size), None

    async def _tool(self) -> ChromaTool:
        if self.documents is not None:
            tool = EmbeddedTool(
                self.documents,
                n_results=self.retrieval_config.n_results,
                embedding_dim=self.retrieval_config.embedding_config.embedding_dim,
            )
            await tool.fill()
            return tool
        return await server_tool(self)

    def _questions(self) -> list[SearchR1Datum]:
        if self.questions is None:
            return download_search_r1_dataset("train")
        return [_question(record) for record in read_records(self.questions)]


async def server_tool(builder: SearchR1DatasetBuilder) -> ChromaTool:
    """Return the Cookbook's own tool.

    Raises:
        EnvironmentUnavailable: if the server does not answer, or Gemini is not set up.
    """
    place = f"{builder.chroma_host}:{builder.chroma_port}"
    try:
        return await ChromaTool.build(
            chroma_host=builder.chroma_host,
            chroma_port=builder.chroma_port,
            chroma_collection_name=builder.chroma_collection_name,
            retrieval_config=builder.retrieval_config,
        )
    except Exception as error:
        raise EnvironmentUnavailable(
            f"the search tool of the Chroma server {place} does not start: {error}. It needs the "
            "server (chroma run) and Gemini (GCP_VERTEXAI_PROJECT_NUMBER, GCP_VERTEXAI_REGION); "
            "`documents: FILE.jsonl` needs neither"
        ) from error


def _question(record: Record) -> SearchR1Datum:
    answers = record.value("answers")
    if isinstance(answers, str):
        answers = [answers]
    if not isinstance(answers, list) or not answers:
        raise record.error("answers", "has to be a list of at least one text")
    if not all(isinstance(each, str) and each.strip() for each in answers):
        raise record.error("answers", "has to hold texts that are not empty")
    source = record.text("data_source") if record.has("data_source") else "local"
    return SearchR1Datum(question=record.text("question"), answer=answers, data_source=source)


def builder(env: SearchEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a search environment."""
    host, _, port = (env.server or "localhost:8000").rpartition(":")
    return SearchDatasetBuilder(
        model_name_for_tokenizer=rollouts.model_name,
        chroma_host=host,
        chroma_port=int(port),
        chroma_collection_name=env.collection,
        retrieval_config=RetrievalConfig(
            n_results=env.n_results,
            embedding_config=EmbeddingConfig(
                model_name=env.embedding_model, embedding_dim=env.embedding_dim
            ),
        ),
        batch_size=rollouts.groups_per_batch,
        group_size=rollouts.group_size,
        renderer_name=rollouts.renderer_name,
        max_turns=env.max_turns,
        format_coef=env.format_coef,
        max_trajectory_tokens=env.max_trajectory_tokens,
        seed=rollouts.seed,
        questions=env.dataset,
        documents=env.documents,
        num_batches=rollouts.num_batches,
    )
