"""Trying what was trained: conversations with checkpoints and base models, and many samples."""
