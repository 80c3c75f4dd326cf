"""What a request may take, and how one that takes more is refused."""

import contextlib
from dataclasses import dataclass

from keras_genres.settings import PrepareSettings

MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What the service takes at most. Each has an option of `keras-genres serve`."""

    body_mb: float = 32.0
    """Size of the body of a request in MB; more is 413."""
    megapixels: float = PrepareSettings.max_megapixels
    """Million pixels of a poster, by its header; a larger one is an error of its entry."""
    posters: int = 32
    """Posters in one request; more is 413."""
    queue: int = 256
    """Posters of all requests that wait for their scores; with more it is 429."""
    upload_mb: float = 256.0
    """Memory for the bodies of all requests at a time in MB; with more it is 429."""
    seconds: float = 30.0
    """Time a request waits for its scores once it is here; then it is 503."""
    body_seconds: float = 60.0
    """Time the body of a request may take to come; then it is 408."""
    header_seconds: float = 10.0
    """Time the head of a request may take to come; then the connection is closed."""
    connections: int = 512
    """Connections at a time; more are answered with 503."""


class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        reason: Two or three words for the metrics, the same for all such requests.
        retry_after: Seconds after which to try again, or `None`.
    """

    def __init__(self, status, message, reason, retry_after=None):
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Gone(Exception):
    """The client closed its connection before it was answered."""


class UploadRoom:
    """The memory that the bodies of all requests share.

    Args:
        most: Bytes.

    Example:
        >>> room = UploadRoom(10)
        >>> with room.lease() as take:
        ...     take(8)
        ...     room.taken
        8
        >>> room.taken
        0
    """

    def __init__(self, most):
        self._most = most
        self.taken = 0

    @contextlib.contextmanager
    def lease(self):
        """Yield `take(amount)`; what was taken is given back when the block ends.

        `take` raises `Refused` with 429 when there is no room left.
        """
        held = 0

        def take(amount):
            nonlocal held
            if self.taken + amount > self._most:
                raise Refused(
                    429,
                    "Too much is being uploaded at once. Try again soon.",
                    "upload memory",
                    retry_after=2,
                )
            self.taken += amount
            held += amount

        try:
            yield take
        finally:
            self.taken -= held
