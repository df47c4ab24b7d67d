"""Whether a server answers at all, asked before the SDK, which retries for five minutes."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import urlsplit

from recipe_runner.errors import BackendError

TIMEOUT_S = 10.0


def require_reachable(base_url: str) -> None:
    """Return once the server has answered anything; what it says to a request is not judged.

    Raises:
        BackendError: if there is no server, no route or no name, or no answer in ten seconds; if
            the URL has a password in it, which runs and trackers would record.
    """
    try:
        address = urlsplit(base_url)
        if "@" in address.netloc:
            raise BackendError(
                f"the URL of {address.hostname} has a user name or a password in it, which runs "
                "would record; leave them out: a key belongs in TINKER_API_KEY"
            )
        urllib.request.urlopen(f"{base_url.rstrip('/')}/api/v1/healthz", timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise BackendError(
            f"{base_url} cannot be reached: {reason}. Check the address and the network, or give "
            "--backend local to run on this machine"
        ) from error
