"""What schemathesis sends as a file: mostly pictures, whole or damaged."""

import schemathesis
from hypothesis import strategies
from pictures import encoded, picture

_POSTERS = [encoded(picture(1)), encoded(picture(2), "PNG"), encoded(picture(3), "GIF")]


def _damaged(values):
    content, at, byte = values
    return content[: at % len(content)] + bytes([byte]) + content[at % len(content) + 1 :]


_WHOLE = strategies.sampled_from(_POSTERS)
_BYTES = strategies.tuples(_WHOLE, strategies.integers(0, 10_000), strategies.integers(0, 255))
schemathesis.openapi.format(
    "binary", strategies.one_of(_WHOLE, _BYTES.map(_damaged), strategies.binary(max_size=200))
)
