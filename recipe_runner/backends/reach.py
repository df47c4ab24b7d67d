"""Whether a server answers at all, asked before the SDK, which retries for five minutes."""

from __future__ import annotations

import urllib.error
import urllib.request

from recipe_runner.errors import BackendError

TIMEOUT_S = 10.0


def require_reachable(base_url: str) -> None:
    """Return once the server has answered anything; what it says to a request is not judged.

    Raises:
        BackendError: if there is no server, no route or no name, or no answer in ten seconds.
    """
    try:
        urllib.request.urlopen(f"{base_url.rstrip('/')}/api/v1/healthz", timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise BackendError(
            f"{base_url} cannot be reached: {reason}. Check the address and the network, or give "
            "--backend local to run on this machine"
        ) from error
