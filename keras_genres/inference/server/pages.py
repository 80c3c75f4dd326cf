"""The files of the page at `/`, and the headers that keep them and all answers harmless."""

import hashlib
from pathlib import Path

from starlette.responses import Response

FOLDER = Path(__file__).with_name("page")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Posters are shown from memory (blob:); nothing is asked of another host.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Sent with every answer."""


def page_routes():
    """Return `{path: endpoint}` for the page and what belongs to it; files are read now."""
    routes = {}
    for file in sorted(FOLDER.iterdir()):
        if file.suffix in _TYPES:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            routes[path] = _endpoint(file.read_bytes(), _TYPES[file.suffix])
    return routes


def _endpoint(content, kind):
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # Asked for again each time, so that a new version never meets old scripts.
    headers = {"etag": tag, "cache-control": "no-cache", "content-type": kind}

    async def endpoint(request):
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)

    return endpoint
