"""A vector store inside this process, behind the tool that the Cookbook gives its models."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import chromadb
from chromadb.config import Settings
from tinker_cookbook.recipes.search_tool.tools import ChromaTool, EmbeddingConfig, RetrievalConfig

from recipe_runner.envs.search.embedding import embed
from recipe_runner.jsonl import Record, read_records

_BATCH = 1000


class EmbeddedTool(ChromaTool):
    """The Cookbook's search tool over a store in this process; what a model sees is the same.

    Pickles as the file that it was filled from, and is filled again where it is unpickled.
    """

    def __init__(self, documents: str, *, n_results: int, embedding_dim: int) -> None:
        embedding = EmbeddingConfig(model_name="hashing", embedding_dim=embedding_dim)
        none_yet: Any = None
        super().__init__(
            chroma_client=none_yet,
            gemini_client=none_yet,
            collection_name="documents",
            retrieval_config=RetrievalConfig(n_results=n_results, embedding_config=embedding),
            max_retries=1,
            initial_retry_delay=0,
        )
        self._documents = documents

    async def fill(self) -> None:
        """Read the documents and embed them.

        Raises:
            DataError: if the file has something wrong.
        """
        dim = self._retrieval_config.embedding_config.embedding_dim
        collection = await asyncio.to_thread(filled_collection, self._documents, dim)
        client: Any = EmbeddedClient(collection)
        self._chroma_client = client

    async def _ensure_clients(self) -> tuple[Any, Any]:
        if self._chroma_client is None:
            await self.fill()
        return self._chroma_client, None

    async def _get_embeddings_with_retry(
        self, gemini_client: Any, query_list: list[str]
    ) -> list[list[float]]:
        return embed(query_list, self._retrieval_config.embedding_config.embedding_dim)


class EmbeddedClient:
    """What the tool uses of Chroma's asynchronous client, over a collection in this process."""

    def __init__(self, collection: chromadb.Collection) -> None:
        self._collection = collection

    async def get_collection(self, _: str) -> EmbeddedClient:
        return self

    async def query(self, **arguments: Any) -> Any:
        return await asyncio.to_thread(self._collection.query, **arguments)


def filled_collection(documents: str, dim: int) -> chromadb.Collection:
    """Return a new collection of the passages in a JSONL file of {"id", "title", "text"}.

    Raises:
        DataError: if a line lacks its text, or two have the same id.
    """
    client = chromadb.EphemeralClient(Settings(anonymized_telemetry=False))
    # Clients of one process share their collections, so each has a name of its own. It gets no
    # function that embeds: Chroma's default one downloads a model.
    collection = client.create_collection(
        f"documents-{uuid.uuid4().hex}",
        embedding_function=None,
        configuration={"hnsw": {"space": "cosine"}},
    )
    passages = _passages(documents)
    for start in range(0, len(passages), _BATCH):
        ids = list(passages)[start : start + _BATCH]
        texts = [passages[each] for each in ids]
        vectors: Any = embed(texts, dim)
        collection.add(ids=ids, embeddings=vectors, documents=texts)
    return collection


def _passages(documents: str) -> dict[str, str]:
    passages: dict[str, str] = {}
    for record in read_records(documents):
        key = _id(record)
        if key in passages:
            raise record.error("id", f"{key!r} is there twice")
        title = f"{record.text('title')}\n" if record.has("title") else ""
        passages[key] = f"{title}{record.text('text')}"
    return passages


def _id(record: Record) -> str:
    if not record.has("id"):
        return str(record.line)
    value = record.value("id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise record.error("id", "has to be a text or a number")
    return str(value)
