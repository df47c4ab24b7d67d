"""`method: reinforce`: GEM's own algorithm on Tinker's primitives.

REINFORCE with return batch normalization (GEM, arXiv:2510.01051, algorithm 1 and section 3.2):
a batch of concurrent episodes, each turn's discounted return as the advantage of its tokens,
normalized over the batch, and one gradient step.

- `train` is the loop, `config` what it is given;
- `play` the episodes, `returns` the advantages, `data` the training data, `metrics` the numbers.
"""
