import contextlib
import http.server
import socket
import threading
import time

import pytest

from keras_genres.data.quality import PictureError
from keras_genres.inference import fetching
from keras_genres.inference.fetching import fetch, is_public, is_url


@contextlib.contextmanager
def server(answer, host="127.0.0.1"):
    """Yield the URL of a server; `answer(handler)` writes what it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer((host, 0), Handler) as one:
        threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://{host}:{one.server_port}"
        one.shutdown()


def reply(handler, body=b"", status=200, length=None, **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def refusal(url, **options):
    with pytest.raises(PictureError) as caught:
        fetch(url, **options)
    return caught.value.reason, caught.value.detail


def test_a_poster_is_fetched_with_the_query_of_its_url():
    with server(lambda handler: reply(handler, handler.path.encode())) as url:
        assert fetch(f"{url}/a b.jpg?x=1&y=é".replace(" ", "%20"), allow_private=True) == (
            b"/a%20b.jpg?x=1&y=%C3%A9"
        )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds tell secrets
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",  # 6to4 around 127.0.0.1
        "64:ff9b::a00:1",  # NAT64 around 10.0.0.1
        "64:ff9b:1::a00:1",
        "2001:0:1:2:3:4:5:6",  # Teredo
        "::127.0.0.1",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_not_asked_however_it_is_written(host):
    asked = []
    with server(asked.append) as url:
        port = url.rsplit(":", 1)[1]
        reason, _ = refusal(f"http://{host}:{port}/a.jpg")
    assert reason == "address not allowed" and not asked


def test_a_redirect_to_an_address_that_is_not_allowed_is_not_followed(monkeypatch):
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
    asked = []
    with (
        server(asked.append, "127.0.0.2") as inside,
        server(lambda handler: reply(handler, status=302, Location=f"{inside}/x")) as url,
    ):
        assert refusal(url) == ("address not allowed", "127.0.0.2 is not public")
    assert not asked


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    # A name that leads elsewhere when it is looked up again, as DNS rebinding does.
    answers = iter(["127.0.0.1", "127.0.0.2"])
    looked_up = []

    def look_up(host, port, **_):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    with server(lambda handler: reply(handler, b"checked")) as url:
        monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        port = url.rsplit(":", 1)[1]
        assert fetch(f"http://posters.example:{port}/") == b"checked"
    assert looked_up == ["posters.example"]


def test_a_name_that_is_not_looked_up_in_time_is_given_up(monkeypatch):
    asked, over = [], threading.Event()

    def look_up(host, port, **_):
        asked.append(host)
        over.wait(30)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with pytest.raises(PictureError) as caught:
            fetch("http://slow.example/a.jpg", seconds=0.2)
    finally:
        over.set()
    assert asked == ["slow.example"]
    assert (caught.value.reason, caught.value.detail) == ("not fetched", "not there after 0.2 s")


def test_redirects_end():
    with server(lambda handler: reply(handler, status=302, Location="/again")) as url:
        assert refusal(url, allow_private=True) == ("not fetched", "more than 5 redirects")


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://x"])
def test_a_redirect_leads_to_http_only(place):
    with server(lambda handler: reply(handler, status=301, Location=place)) as url:
        assert refusal(url, allow_private=True) == ("not fetched", "no http or https URL")


def test_too_much_is_refused_by_what_is_said_and_by_what_comes():
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"x" * 65536)

    with server(lambda handler: reply(handler, length=2**40)) as url:
        assert refusal(url, allow_private=True)[0] == "too large"
    with server(endless) as url:
        assert refusal(url, allow_private=True, most_mb=1) == ("too large", "more than 1 MB")


def test_a_body_that_trickles_is_cut_off_in_time():
    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(300):
            handler.wfile.write(b"x")
            time.sleep(0.1)

    with server(trickle) as url:
        said = refusal(url, allow_private=True, seconds=0.5)
    assert said == ("not fetched", "not there after 0.5 s")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda handler: reply(handler, status=404), "HTTP status 404"),
        (lambda handler: reply(handler, status=204), "HTTP status 204"),
        (
            lambda handler: reply(handler, b"zip", Content_Encoding="gzip"),
            "the server sends it compressed, though not asked to",
        ),
        (lambda handler: reply(handler, b"abc", length=10), "bytes are missing at the end"),
        (lambda handler: handler.wfile.write(b"no http at all\r\n\r\n"), ""),
    ],
)
def test_a_bad_answer_has_its_reason(answer, detail):
    with server(answer) as url:
        reason, seen = refusal(url, allow_private=True)
    assert reason == "not fetched" and detail in seen


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///a.jpg",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://a b/",
        "http://127.0.0.1/\r\nX: y",
        "http://" + "a" * 9000,
        "http://a..b/",
        "http://no-such-host.invalid/",
    ],
)
def test_a_url_that_leads_nowhere_has_a_reason(url):
    assert refusal(url, allow_private=True)[0] == "not fetched"


def test_what_is_a_url():
    assert is_url("HTTP://a/b") and is_url("https://a")
    assert not is_url("https.jpg") and not is_url("ftp://a") and not is_url("posters/http://")
