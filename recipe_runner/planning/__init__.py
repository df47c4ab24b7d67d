"""Recipe -> Plan: every default resolved, checked across fields, hashed. Pure data, nothing heavy.

May import catalog, language and schemas.
"""

from recipe_runner.planning.checks import check
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan

__all__ = ["Plan", "Served", "check", "make_plan"]
