"""`env.kind: search`: questions answered with retrieval as a tool, from the Cookbook's search_tool.

`dataset.py` makes the data set, `store.py` the embedded vector store, `embedding.py` its vectors.
"""

from __future__ import annotations

from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import EnvironmentUnavailable, Rollouts
from schemas.env import SearchEnv


def builder(env: SearchEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a search environment.

    Raises:
        EnvironmentUnavailable: if Chroma is not installed.
    """
    try:
        from recipe_runner.envs.search import dataset
    except ImportError as error:
        raise EnvironmentUnavailable(
            f"env.kind: search needs Chroma and Google's client ({error}): "
            "pip install 'recipe-run[search]'"
        ) from error
    return dataset.builder(env, rollouts)
