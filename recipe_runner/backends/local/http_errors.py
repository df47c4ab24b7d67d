"""What the server answers when a client is at fault, and when a result is gone.

ApiError
├── BadRequest        400: malformed, out of range, unsupported here
├── Forbidden         403: a URL whose permission is not this server's, or has ended
├── NotFound          404: no such session, model, sampler, checkpoint, future
├── Gone              410: it existed; the SDK may submit the request again
├── TooLarge          413: more bytes than a request may have
└── Busy              429: too much is waiting to be done; the SDK waits and asks again

None but the last, which passes, is a status that the SDK retries on a submission (408, 409, 429,
5xx): it would repeat a request that can never succeed for five minutes.
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal with an HTTP status; the message goes to the client as `detail`."""

    status = 400


class BadRequest(ApiError, ValueError):
    status = 400


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError, LookupError):
    status = 404


class Gone(ApiError):
    status = 410


class TooLarge(ApiError):
    status = 413


class Busy(ApiError):
    status = 429
