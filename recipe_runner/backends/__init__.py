"""Where a plan is executed: hosted Tinker, any server that speaks its protocol, or the local backend.

May import planning, catalog and schemas. Only `backends.local` may import torch or transformers.
"""
