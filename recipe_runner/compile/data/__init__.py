"""`data` of a recipe -> the Cookbook's data set builders, one module for what the data holds."""

from recipe_runner.compile.data.supervised import supervised_builder

__all__ = ["supervised_builder"]
