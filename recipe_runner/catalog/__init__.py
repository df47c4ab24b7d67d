"""Dated facts about models and environments, shipped as data. Imports schemas and the standard library.

Each `refresh_*` module writes a data file from the installed packages; a test holds them equal.
"""
