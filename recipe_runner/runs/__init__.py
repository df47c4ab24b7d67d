"""One run: its directory, record, resume, progress, and the function that executes a plan.

May import compile, backends, planning, catalog and schemas; the heavy ones inside functions.
"""
