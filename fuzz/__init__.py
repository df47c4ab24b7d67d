"""Coverage-guided fuzzing with atheris: one module a target, `python -m fuzz` runs them all.

    python -m fuzz [--seconds 60] [--corpus .fuzz] [TARGET …]

A target has `LIMITS`, `seeds()`, which are the inputs to start from, and `one_input(data)`, which
raises where something is wrong: whatever it does not expect, it lets through. atheris is no
dependency of the project: `pip install atheris` (Python 3.11 on Linux has a wheel). Without it the
targets are modules like any other, and tests/fuzz gives each its seeds.
"""
