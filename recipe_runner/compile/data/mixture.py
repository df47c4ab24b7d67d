"""Conversations from several places in one data set, each place with a weight on its loss."""

from __future__ import annotations

import random

import chz
import tinker
from tinker_cookbook.supervised.types import SupervisedDataset, SupervisedDatasetBuilder


class Mixture(SupervisedDataset):
    """Batches drawn from all parts, shuffled together anew for each epoch.

    The loss of a batch is the sum over the parts of weight times the loss of their conversations.
    """

    def __init__(
        self, parts: list[SupervisedDataset], weights: list[float], batch_size: int, seed: int
    ) -> None:
        """Take parts whose batches are one conversation each."""
        self._parts = parts
        self._weights = weights
        self._batch_size = batch_size
        self._seed = seed
        self.set_epoch(0)

    def set_epoch(self, seed: int = 0) -> None:
        places = [(part, i) for part, data in enumerate(self._parts) for i in range(len(data))]
        random.Random(f"{self._seed} {seed}").shuffle(places)
        self._order = places

    def get_batch(self, index: int) -> list[tinker.Datum]:
        start = index * self._batch_size
        return [
            weighted(datum, self._weights[part])
            for part, position in self._order[start : start + self._batch_size]
            for datum in self._parts[part].get_batch(position)
        ]

    def __len__(self) -> int:
        return len(self._order) // self._batch_size


class Concatenation(SupervisedDataset):
    """The batches of one test set after those of another."""

    def __init__(self, parts: list[SupervisedDataset]) -> None:
        self._batches = [(part, i) for part in parts for i in range(len(part))]

    def get_batch(self, index: int) -> list[tinker.Datum]:
        part, position = self._batches[index]
        return part.get_batch(position)

    def __len__(self) -> int:
        return len(self._batches)


@chz.chz
class MixtureBuilder(SupervisedDatasetBuilder):
    """Builds the parts, whose batch size has to be 1, and mixes them.

    Their test sets are put together as they are, without weights.
    """

    parts: list[SupervisedDatasetBuilder]
    weights: list[float]
    batch_size: int
    seed: int

    def __call__(self) -> tuple[SupervisedDataset, SupervisedDataset | None]:
        built = [part() for part in self.parts]
        train = Mixture([each for each, _ in built], self.weights, self.batch_size, self.seed)
        tests = [test for _, test in built if test is not None]
        return train, Concatenation(tests) if tests else None


def weighted(datum: tinker.Datum, weight: float) -> tinker.Datum:
    """Return the datum with its loss multiplied."""
    weights = datum.loss_fn_inputs["weights"].to_torch() * weight
    inputs = {**datum.loss_fn_inputs, "weights": tinker.TensorData.from_torch(weights)}
    return tinker.Datum(model_input=datum.model_input, loss_fn_inputs=inputs)
