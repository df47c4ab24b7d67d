"""Evaluators as the Cookbook's loops take them: builders that hold plain values, one kind a module.

Every metric is named `eval/<what was measured>/<metric>`. A module is imported when a recipe has an
evaluator of its kind: Inspect AI and what the benchmarks grade with are optional packages.
"""

PREFIX = "eval/"
