"""Vectors of texts on this machine: hashed counts of words and of their parts, no model."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = {
    "a", "an", "and", "are", "as", "at", "be", "by", "did", "do", "does", "for", "from", "had",
    "has", "have", "he", "her", "his", "how", "in", "is", "it", "its", "of", "on", "or", "she",
    "that", "the", "their", "they", "this", "to", "was", "were", "what", "when", "where", "which",
    "who", "whom", "whose", "why", "with",
}  # fmt: skip
_PART_LENGTH = 4
_PART_WEIGHT = 0.25


def embed(texts: Sequence[str], dim: int) -> list[list[float]]:
    """Return one vector of length 1 for each text; the cosine of two says how much they share.

    A feature is a word, or four letters of one, which finds plurals and other endings. It adds to
    one of `dim` numbers, with a sign: both are taken from its hash, as in Weinberger et al.,
    "Feature Hashing for Large Scale Multitask Learning" (2009). Counts enter by their logarithm.
    """
    return [_vector(text, dim) for text in texts]


def _vector(text: str, dim: int) -> list[float]:
    vector = [0.0] * dim
    for feature, weight in _features(text).items():
        digest = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        vector[(digest >> 1) % dim] += weight if digest & 1 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        # A text without words is as far from every document as from any other.
        return [1 / math.sqrt(dim)] * dim
    return [value / length for value in vector]


def _features(text: str) -> dict[str, float]:
    words = [word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
    parts = [
        f"#{word[start : start + _PART_LENGTH]}"
        for word in words
        for start in range(len(word) - _PART_LENGTH + 1)
    ]
    whole = {word: 1 + math.log(count) for word, count in Counter(words).items()}
    return whole | {
        part: _PART_WEIGHT * (1 + math.log(count)) for part, count in Counter(parts).items()
    }
