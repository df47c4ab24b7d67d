"""Code that a recipe names, as `package.module:Name`: imported when the recipe runs, never before.

Modules are looked for where Python looks, then in the working directory, then beside the recipe:
both come last on `sys.path`, so that a file of the user's never takes the place of an installed
package. Light: the standard library and `schemas`, whose place it knows.
"""

from recipe_runner.user_code.load import (
    PLACE_NOTE,
    blamed,
    load_object,
    search_path,
    searched,
    shadowed,
    shadowed_message,
)

__all__ = [
    "PLACE_NOTE",
    "blamed",
    "load_object",
    "search_path",
    "searched",
    "shadowed",
    "shadowed_message",
]
