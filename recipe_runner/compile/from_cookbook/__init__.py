"""Recipes from the Cookbook's commands: what `compile` does, the other way round.

A command is called with its loop taken out (`capture`), its configuration becomes the draft of a
recipe (one module a method, explicit tables from class to section), and the draft is compiled and
compared with the configuration it came from (`settle`): what differs is said in the recipe. The
modules here import the Cookbook; this one imports nothing.
"""
