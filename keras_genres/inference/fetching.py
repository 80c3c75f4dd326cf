"""Posters from http and https addresses that strangers may have written.

Who lets others say what is fetched lends them the network of the machine. So
an address is looked up once, only public ones are taken, and the connection
goes to the very address that was checked, at every redirect anew. Proxies
named in the environment are not used: behind one nobody could check.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from urllib.parse import quote, urljoin, urlsplit

from keras_genres import __version__
from keras_genres.data.bounded import one_line_of
from keras_genres.data.quality import PictureError

SECONDS = 20.0
"""Most time for one poster, with looking up its name and all redirects."""
MOST_MB = 32.0
"""Most size of one poster in MB."""
_MOST_REDIRECTS = 5
_MOST_CHARACTERS = 8192
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_UNQUOTED = "%/:=&?~+!$,;'@()*[]"
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def is_url(text):
    """Whether a text is an http or https address, by how it begins."""
    return text[:8].lower().startswith(("http://", "https://"))


def fetch(url, allow_private=False, seconds=SECONDS, most_mb=MOST_MB):
    """Return the bytes behind a URL.

    Args:
        url: `http://…` or `https://…`, without user and password.
        allow_private: Also connect to addresses that are not public, such as
            those of this machine and its network.
        seconds: Most time for all of it.
        most_mb: Most size in MB.

    Raises:
        PictureError: With the reason `address not allowed`, `too large` or
            `not fetched`.
    """
    try:
        with _Deadline(seconds) as deadline:
            place = url
            for _ in range(_MOST_REDIRECTS + 1):
                data, place = _get(place, allow_private, deadline, most_mb)
                if place is None:
                    return data
    except _Refused as error:
        raise PictureError(url, *error.args) from None
    raise PictureError(url, "not fetched", f"more than {_MOST_REDIRECTS} redirects")


class _Refused(Exception):
    """Carries `(reason, detail)`."""


def _get(url, allow_private, deadline, most_mb):
    """Return `(bytes, None)`, or `(None, URL)` of what it leads to."""
    scheme, host, port, target = _parts(url)
    try:
        family, address = _look_up(host, port, allow_private, deadline.left)
        with contextlib.closing(_Connection(scheme, host, port, deadline)) as connection:
            connection.connect_to(family, address)
            connection.request("GET", target, headers=_HEADERS)
            response = connection.getresponse()
            if response.status in _REDIRECTS and response.headers.get("Location"):
                return None, urljoin(url, response.headers["Location"])
            return _body(response, most_mb), None
    except Exception as error:  # http, TLS and sockets raise all sorts for a bad server
        # A wait that ends with the time may do so before the timer tells.
        waited = isinstance(error, TimeoutError) and error.errno is None
        if waited or deadline.is_over:
            raise _Refused("not fetched", f"not there after {deadline.seconds:g} s") from None
        if isinstance(error, _Refused):
            raise
        why = getattr(error, "strerror", None) or one_line_of(error)
        raise _Refused("not fetched", why) from None


_HEADERS = {
    "User-Agent": f"keras-genres/{__version__}",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",  # a small body that unpacks to a large one is not taken
    "Connection": "close",
}


def _body(response, most_mb):
    if response.status != 200:
        raise _Refused("not fetched", f"HTTP status {response.status}")
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise _Refused("not fetched", "the server sends it compressed, though not asked to")
    most = int(most_mb * 2**20)
    if (response.length or 0) > most:
        raise _Refused("too large", f"{response.length / 2**20:.0f} MB, at most {most_mb:g}")
    data = response.read(most + 1)
    if len(data) > most:
        raise _Refused("too large", f"more than {most_mb:g} MB")
    if response.length:  # read(amount) gives what came, also of a body that was cut off
        raise _Refused("not fetched", f"{response.length} bytes are missing at the end")
    return data


def _parts(url):
    """Return `(scheme, host, port, target)` of a URL, in ASCII."""
    if len(url) > _MOST_CHARACTERS:
        raise _Refused("not fetched", f"a URL of {len(url)} characters")
    if not is_url(url) or any(char <= " " or char == "\x7f" for char in url):
        raise _Refused("not fetched", "no http or https URL")
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        port = _PORTS[scheme] if parts.port is None else parts.port
        if ":" not in host:
            host = host.encode("idna").decode()
        target = quote(parts.path or "/", _UNQUOTED)
        if parts.query:
            target += "?" + quote(parts.query, _UNQUOTED)
    except ValueError:
        raise _Refused("not fetched", "no http or https URL") from None
    if not host:
        raise _Refused("not fetched", "no host in the URL")
    if "@" in parts.netloc:
        raise _Refused("not fetched", "a URL with a user or password")
    return scheme, host, port, target


def _look_up(host, port, allow_private, seconds):
    """Return `(family, address)` to connect to, the first that is allowed."""
    found = _addresses(host, port, seconds)
    for family, _, _, _, address in found:
        if allow_private or is_public(address[0]):
            return family, address
    raise _Refused("address not allowed", f"{found[0][4][0]} is not public")


def _addresses(host, port, seconds):
    """Return what `socket.getaddrinfo` does, which itself knows no time-out."""
    answers = []

    def ask():
        try:
            answers.append((socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), None))
        except Exception as error:  # a host it cannot write is a UnicodeError
            answers.append((None, error))

    # A daemon: one that still waits does not keep the process from its end.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise TimeoutError
    found, error = answers[0]
    if error is not None:
        raise error
    return found


def is_public(address):
    """Whether an IP address belongs to a machine of the public Internet.

    Addresses that carry another one inside are as public as that one.

    Example:
        >>> is_public("192.168.0.1"), is_public("::ffff:127.0.0.1"), is_public("1.1.1.1")
        (False, False, True)
    """
    address = ipaddress.ip_address(address.partition("%")[0])
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = ipaddress.ip_address(address.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local or address.teredo:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Deadline:
    """Cuts a connection off when the time is over, however slowly it trickles."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.is_over = False
        self._end = time.monotonic() + seconds
        self._socket = None
        self._change = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.cancel()

    @property
    def left(self):
        """Seconds that are left, a little at least: 0 would mean a socket that never waits."""
        return max(0.01, self._end - time.monotonic())

    def watch(self, connected):
        with self._change:
            self._socket = connected
        if self.is_over:
            self._cut()

    def _cut(self):
        with self._change, contextlib.suppress(OSError):
            self.is_over = True
            if self._socket is not None:
                # The method of a TLS socket would take its state from under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked up before."""

    def __init__(self, scheme, host, port, deadline):
        super().__init__(host, port)
        self.default_port = _PORTS[scheme]  # then the header Host has no port
        self._is_safe = scheme == "https"
        self._deadline = deadline

    def connect_to(self, family, address):
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(self._deadline.left)
        self.sock.connect(address)
        if self._is_safe:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
        self._deadline.watch(self.sock)
        if self._is_safe:
            self.sock.do_handshake()
