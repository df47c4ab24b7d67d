"""Dated facts about models and environments, shipped as data.

May import schemas, and nothing heavy.
Each `refresh_*` module writes a data file from the installed packages; a test holds them equal.
"""
