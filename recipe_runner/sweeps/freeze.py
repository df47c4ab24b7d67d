"""Imported last by the process that workers are forked from.

What lives now is never looked at again by the garbage collector, which would otherwise write to
every shared page of memory in every worker, and so copy it.
"""

import gc

gc.collect()
gc.freeze()
