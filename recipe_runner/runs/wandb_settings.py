"""What W&B takes from the working directory: nothing that says where the user's key goes.

`wandb init` leaves a file there with the project. It may also come with somebody else's recipe, and
W&B would follow each of its settings: another server, another proxy, no check of certificates.
"""

from __future__ import annotations

from configparser import ConfigParser
from configparser import Error as NotSettings
from pathlib import Path

from recipe_runner.errors import UsageError

_SECTION = "default"
# What `wandb init`, `wandb online` and `wandb offline` write.
_HARMLESS = ("entity", "mode", "project")


def require_own_settings(file: Path) -> None:
    """Refuse a file of settings beside the runs that decides more than what runs are called.

    Args:
        file: `wandb/settings` of the working directory, which need not exist.

    Raises:
        UsageError: with the settings that have to go, and where they may stand.
    """
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(file)
    except (NotSettings, OSError, UnicodeDecodeError):
        return  # W&B does without it, too
    given = parser[_SECTION] if parser.has_section(_SECTION) else ()
    deciding = sorted(set(given) - set(_HARMLESS))
    if deciding:
        raise UsageError(
            f"{file} sets {', '.join(deciding)} of W&B, and so may decide where your W&B key goes. "
            "If that is yours, set it in the environment (WANDB_BASE_URL, …) or in "
            "~/.config/wandb/settings, and remove it there"
        )
