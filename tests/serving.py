"""Clients and bodies for the tests of the service."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time

from pictures import encoded, picture

BOUNDARY = "7MA4YWxkTrZu0gW"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def poster(seed, **options):
    """Return the bytes of a drawn JPEG."""
    return encoded(picture(seed, **options), quality=90)


def files(*contents):
    """Return the `files` of an httpx request."""
    return [("posters", (f"p{n}.jpg", content)) for n, content in enumerate(contents)]


def form(*contents):
    """Return the body of a form with files, as `KIND` says."""
    parts = []
    for number, content in enumerate(contents):
        head = f'Content-Disposition: form-data; name="posters"; filename="p{number}.jpg"'
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@contextlib.contextmanager
def served(model, *options):
    """Yield `(process, host, port)` of `keras-genres serve` on loopback, when it is ready."""
    command = [sys.executable, "-m", "keras_genres", "serve", str(model), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next((line for line in process.stderr if "http://" in line), "")
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
        while status_of("127.0.0.1", port, head("GET", "/readyz")) != 200:
            assert process.poll() is None
            time.sleep(0.05)
        yield process, "127.0.0.1", port
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def head(method, path, *lines):
    """Return the head of a request as bytes."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *lines, "", ""]).encode()


def status_of(host, port, data):
    """Send bytes and return the status of the answer; 0 if there is none."""
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(data)
        return answer_of(connection)[0]


def answer_of(connection):
    """Return the status and the JSON of the answer on a socket; `(0, None)` for none."""
    file = connection.makefile("rb")
    first = file.readline()
    if not first:
        return 0, None
    length = 0
    for line in iter(file.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
    return int(first.split()[1]), json.loads(file.read(length) or b"null")
