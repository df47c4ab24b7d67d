"""recipe-run: YAML recipes for the Tinker Cookbook. Importing it imports nothing heavy."""

__version__ = "0.1.0"
