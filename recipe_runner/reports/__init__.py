"""Curves and rollouts of finished runs, as text and HTML, over `runs`.

Empty so far: `recipe-run runs` has the figures of a run, and the Cookbook's own logs its rollouts.
"""
