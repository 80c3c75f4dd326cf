"""Under load, with every fourth request broken, the others do not notice."""

import itertools
import os
import random
import socket
import threading
import time

import httpx
import pytest
from serving import BOUNDARY, KIND, files, form, head, poster, served, status_of

pytestmark = pytest.mark.slow

CLIENTS = 8
SECONDS = float(os.environ.get("KERAS_GENRES_LOAD_SECONDS", 30))
LIMITS = ("--body-mb", "1", "--body-seconds", "3", "--header-seconds", "3")
MOST_GROWTH_MB = 60


def cut_off(address, body):
    """Send half of a request and go."""
    with socket.create_connection(address, timeout=30) as connection:
        lines = (f"Content-Type: {KIND}", f"Content-Length: {len(body)}")
        connection.sendall(head("POST", "/v1/predict", *lines) + body[: len(body) // 2])


def endless(address, _):
    """Send a body of unknown length until the connection is closed."""
    part = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    start = form(b"x")[: -len(BOUNDARY) - 8]
    with socket.create_connection(address, timeout=30) as connection:
        lines = (f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
        connection.sendall(head("POST", "/v1/predict", *lines))
        connection.sendall(b"%x\r\n" % len(start) + start + b"\r\n")
        for _ in range(100):  # three times the limit
            connection.sendall(part)
        assert connection.recv(12)[-3:] == b"413"


def oversized(address, _):
    lines = (f"Content-Type: {KIND}", "Content-Length: 99999999")
    assert status_of(*address, head("POST", "/v1/predict", *lines) + b"x" * 50_000) == 413


def truncated(address, body):
    """Send a whole request whose picture ends in the middle."""
    url = f"http://{address[0]}:{address[1]}/v1/predict"
    assert httpx.post(url, files=files(body[300:900]), timeout=60).status_code == 422


def garbage(address, _):
    lines = (f"Content-Type: {KIND}", "Content-Length: 2000")
    content = random.Random(0).randbytes(2000)
    assert status_of(*address, head("POST", "/v1/predict", *lines) + content) == 400


def not_http(address, _):
    assert status_of(*address, b"\x16\x03\x01\x02\x00\x01" * 20 + b"\r\n\r\n") in (0, 400)


BROKEN = (cut_off, endless, oversized, truncated, garbage, not_http)


def load(address, contents, is_clean, seconds=SECONDS, resident=lambda: 0):
    """Ask with eight clients; return `(times, wrong answers, resident bytes)`.

    Every client asks for posters in turn and holds the scores against those
    it got when nothing else went on. Unless `is_clean`, every fourth request
    is one of `BROKEN`.
    """
    url = f"http://{address[0]}:{address[1]}/v1/predict"
    alone = [scores_of(httpx.post(url, files=files(each), timeout=60)) for each in contents]
    times, wrong, sizes, end = [], [], [], time.monotonic() + seconds

    def ask(client):
        broken = itertools.cycle(BROKEN[client % 6 :] + BROKEN[: client % 6])
        with httpx.Client(timeout=60) as session:
            for number in itertools.count(client):
                if time.monotonic() > end:
                    return
                try:
                    if not is_clean and number % 4 == 3:
                        next(broken)(address, form(poster(1)))
                        continue
                    at = number % len(contents)
                    start = time.monotonic()
                    found = scores_of(session.post(url, files=files(contents[at])))
                    times.append(time.monotonic() - start)
                    assert found == pytest.approx(alone[at], abs=1e-4)
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        sizes.append(resident())
        time.sleep(0.5)
    return sorted(times), wrong, sizes


def scores_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0]["scores"]


def resident_of(process):
    """Return a function that tells the bytes of a process that are in memory."""

    def resident():
        with open(f"/proc/{process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    return resident


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_broken_requests_have_no_effect_on_others_and_memory_is_flat(finished):
    contents = [poster(number) for number in range(40)]
    with served(finished.path, *LIMITS) as (process, *address):
        for is_clean in (True, False):
            times, wrong, _ = load(address, contents, is_clean, SECONDS / 3)
            assert wrong == [] and len(times) > 20
        _, wrong, sizes = load(address, contents, False, SECONDS, resident_of(process))
        assert wrong == []
        early, late = min(sizes[: len(sizes) // 4]), min(sizes[-len(sizes) // 4 :])
        assert late - early < MOST_GROWTH_MB * 2**20
        assert status_of(*address, head("GET", "/readyz")) == 200
