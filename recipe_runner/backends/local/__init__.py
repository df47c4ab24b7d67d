"""The embedded server: Tinker's wire protocol on 127.0.0.1, in torch and transformers.

Nothing heavy is imported here; `launch` starts the server as a process of its own.
"""
