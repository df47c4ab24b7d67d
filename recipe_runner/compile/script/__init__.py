"""A job as a Python script that needs the Cookbook and nothing of this project.

`standalone` puts the Cookbook's classes in the place of ours where they do the same, `source`
writes the objects as expressions, `write` the script around them.
"""

from recipe_runner.compile.script.write import script

__all__ = ["script"]
