"""Environments as Cookbook environments: plain values in, a Cookbook dataset builder out.

May import tinker, tinker_cookbook, the catalog and, in worker processes only, gem. Never the
layers above: compile, backends, runs, cli.
"""

from __future__ import annotations


class EnvironmentUnavailable(ValueError):
    """An environment cannot run on this machine; the message has the reason and the remedy."""
