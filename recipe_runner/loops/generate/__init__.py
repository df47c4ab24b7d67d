"""`method: generate`: asks a model prompts, many at a time, and writes conversations.

Written out is the prompt as the data has it, without the system prompt and the template that the
model was asked with, and the reply, or what `extract` finds in it.
"""

from recipe_runner.loops.generate.config import Config, Prompt, PromptSource
from recipe_runner.loops.generate.run import main

__all__ = ["Config", "Prompt", "PromptSource", "main"]
