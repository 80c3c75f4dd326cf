"""Under load, with every fourth request broken, the others do not notice."""

import itertools
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
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


def dripping(address, body):
    """Send a few bytes at a time until the service has waited long enough."""
    with socket.create_connection(address, timeout=30) as connection:
        lines = (f"Content-Type: {KIND}", f"Content-Length: {len(body)}")
        connection.sendall(head("POST", "/v1/predict", *lines))
        connection.settimeout(0.1)
        for at in range(0, len(body), 8):
            connection.sendall(body[at : at + 8])
            try:
                assert connection.recv(12)[-3:] == b"408"
                return
            except TimeoutError:
                pass
    raise AssertionError("A body of a few bytes a second was waited for to its end.")


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


BROKEN = (cut_off, endless, dripping, oversized, truncated, garbage, not_http)


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
        first = client % len(BROKEN)
        broken = itertools.cycle(BROKEN[first:] + BROKEN[:first])
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


def posters():
    """Return contents of files: real ones where there are any."""
    folder = os.environ.get("KERAS_GENRES_POSTERS")
    if not folder:
        return [poster(number) for number in range(40)]
    return [path.read_bytes() for path in sorted(Path(folder, "images").iterdir())[:80]]


def line_of(name, seconds, times, sizes):
    """Return what a person wants to know of a load (shown with `pytest -s`)."""
    p50, p99 = (1000 * times[int(share * len(times))] for share in (0.5, 0.99))
    at = [sizes[(len(sizes) - 1) * part // 4] / 2**20 for part in range(5)]
    speed = f"{len(times) / seconds:.1f}/s, p50 {p50:.0f} p99 {p99:.0f} ms"
    return f"{name}: {len(times)} answers, {speed}, MB {' '.join(f'{size:.0f}' for size in at)}"


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_broken_requests_have_no_effect_on_others_and_memory_is_flat(finished):
    contents, model = posters(), os.environ.get("KERAS_GENRES_LOAD_MODEL", finished.path)
    with served(model, *LIMITS) as (process, *address):
        for name, seconds in (("clean", SECONDS / 3), ("first", SECONDS / 3), ("broken", SECONDS)):
            is_clean = name == "clean"
            times, wrong, sizes = load(address, contents, is_clean, seconds, resident_of(process))
            assert wrong == [] and len(times) > 20
            print(line_of(name, seconds, times, sizes))
        early, late = min(sizes[: len(sizes) // 4]), min(sizes[-len(sizes) // 4 :])
        assert late - early < MOST_GROWTH_MB * 2**20
        assert status_of(*address, head("GET", "/readyz")) == 200


def test_the_load_experiment_prints_rounds_and_medians(finished, tmp_path):
    for number in range(12):
        (tmp_path / f"{number}.jpg").write_bytes(poster(number))
    script = Path(__file__).parents[1] / "experiments/serve_load.py"
    done = subprocess.run(
        [sys.executable, script, finished.path, tmp_path, "--rounds", "2", "--seconds", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    _, *rounds, medians, last = done.stdout.splitlines()
    rows = np.array([line.split() for line in rounds], float)
    assert rows.shape == (2, 7) and (rows > 0).all()
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], rows[:, 2], rtol=0.1)
    np.testing.assert_allclose(np.median(rows, 0), list(map(float, medians.split()[:7])), rtol=0.1)
    assert last == "* medians. Answers that were no scores: 0"
