"""recipe-run: YAML recipes for the Tinker Cookbook. Importing this package imports nothing heavy."""

__version__ = "0.1.0"
