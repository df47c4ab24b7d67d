"""Training loops that the Cookbook does not have, and what its own need around them.

`compile` starts them, by the name of their `main`. May import planning, tinker and the Cookbook.
"""
