"""Many runs: the variants of a recipe, scheduled, each in a process or a job of its own.

May import runs and what is below it. Heavy packages are named as texts alone, for the process that
workers are forked from.
"""
