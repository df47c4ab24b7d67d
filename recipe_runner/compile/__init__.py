"""Plan -> Cookbook configuration, one module a method.

The only layer that knows the Cookbook's configs. This module imports none of them: the method's
module, and with it torch, is imported when a plan is compiled.
"""

from recipe_runner.compile.job import Job, Target, compile_plan

__all__ = ["Job", "Target", "compile_plan"]
