"""Keeps secrets out of what a run records of its user's files, and of errors.

A second line of defence: a file that git ignores is never read at all, and no error of ours has a
key in it. A service may say one back.
"""

from __future__ import annotations

import fnmatch
import os
import re
import traceback
from pathlib import PurePosixPath

REDACTED = "[redacted]"

_SECRET_FILES = (
    ".env",
    ".env.*",
    "*.env",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.keystore",
    "id_rsa*",
    "id_ed25519*",
    "credentials*",
    "secrets.*",
)
# Keys as their services write them: Tinker, OpenAI and Anthropic, the Hugging Face hub, W&B's
# hexadecimal ones after their name, GitHub, AWS, Google, Slack; then whatever is called a secret.
_SECRETS = re.compile(
    r"""
    \b(?:
        tml-[A-Za-z0-9_-]{8,}
      | sk-[A-Za-z0-9_-]{16,}
      | hf_[A-Za-z0-9]{16,}
      | (?:ghp|gho|ghs|ghu|github_pat)_[A-Za-z0-9_]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}
      | AIza[A-Za-z0-9_-]{30,}
      | xox[abprs]-[A-Za-z0-9-]{10,}
    )
  | (?<=://)[^/\s:@]+:[^/\s:@]+(?=@)
  | \b[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)=[^\s"']{8,}
  | (?i:(?<=password)|(?<=secret)|(?<=api_key)|(?<=apikey)|(?<=token))
    ["']?\s*[:=]\s*["'][^"'\s]{8,}["']
  | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE,
)
_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 8


def is_secret_file(path: str) -> bool:
    """Whether a file's name says that it holds secrets."""
    name = PurePosixPath(path).name.lower()
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_FILES)


def redacted(text: str) -> tuple[str, int]:
    """Return the text without what looks like a secret, and how many there were.

    The values of this process's environment variables whose names say so are secrets too.
    """
    found = 0
    for value in _values_of_the_environment():
        found += text.count(value)
        text = text.replace(value, REDACTED)
    text, more = _SECRETS.subn(REDACTED, text)
    return text, found + more


def redacted_traceback(error: BaseException) -> str:
    """Return an error's traceback as Python prints it, without what looks like a secret."""
    return redacted("".join(traceback.format_exception(error)))[0]


def _values_of_the_environment() -> list[str]:
    values = {
        value
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST and not os.path.exists(value)
    }
    return sorted(values, key=len, reverse=True)
