"""Training loops that the Cookbook does not have, one module a method; `compile` starts them.

May import planning, tinker and the Cookbook. Empty so far: `rl` and `sft` are the Cookbook's own.
"""
