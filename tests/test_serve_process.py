"""The service as a process on loopback: what sockets do, and an orderly end."""

import contextlib
import signal
import socket
import threading
import time
from functools import partial

import httpx
import pytest
from click.testing import CliRunner
from serving import KIND, answer_of, files, form, head, poster, served, status_of

from keras_genres.cli import main
from keras_genres.inference.server.serving import listen

LIMITS = ("--body-mb", "0.2", "--body-seconds", "2", "--header-seconds", "1")


@pytest.fixture(scope="module")
def address(finished):
    with served(finished.path, *LIMITS) as (_, host, port):
        yield host, port


def connected(address):
    return socket.create_connection(address, timeout=30)


def url_of(address, path="/v1/predict"):
    host, port = address
    return f"http://{host}:{port}{path}"


def is_served(address):
    answer = httpx.post(url_of(address), files=files(poster(1)), timeout=60)
    return answer.status_code == 200


def test_posters_are_scored(address):
    answer = httpx.post(url_of(address), files=files(poster(1), poster(2)), timeout=60)
    assert answer.status_code == 200 and len(answer.json()["predictions"]) == 2
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def test_many_clients_at_once_get_their_own_answers(address):
    url = url_of(address)
    contents = [poster(n) for n in range(12)]
    alone = [scores_of(httpx.post(url, files=files(each), timeout=60)) for each in contents]
    found = [None] * len(contents)

    def ask(number):
        with httpx.Client(timeout=60) as client:
            for _ in range(3):
                found[number] = scores_of(client.post(url, files=files(contents[number])))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(contents))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for one, other in zip(alone, found, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def scores_of(answer):
    return answer.json()["predictions"][0]["scores"]


def test_a_body_of_unknown_length_is_cut_at_the_limit_and_the_answer_arrives(address):
    with connected(address) as connection:
        connection.sendall(
            head("POST", "/v1/predict", f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
        )
        for _ in range(60):  # three times the limit
            connection.sendall(b"2800\r\n" + b"x" * 0x2800 + b"\r\n")
        status, value = answer_of(connection)
        assert status in (400, 413) and value["error"]
        assert connection.recv(1) == b""  # and the connection is closed
    with connected(address) as connection:
        start = form(b"x" * 10)[:-24]
        connection.sendall(
            head("POST", "/v1/predict", f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
        )
        connection.sendall(b"%x\r\n" % len(start) + start + b"\r\n")
        for _ in range(60):
            connection.sendall(b"2800\r\n" + b"x" * 0x2800 + b"\r\n")
        assert answer_of(connection)[0] == 413
    assert is_served(address)


def test_who_asks_before_sending_is_told_at_once(address):
    lines = (f"Content-Type: {KIND}", "Content-Length: 999999999", "Expect: 100-continue")
    with connected(address) as connection:
        connection.sendall(head("POST", "/v1/predict", *lines))
        assert answer_of(connection)[0] == 413


def test_a_body_that_does_not_come_is_408(address):
    with connected(address) as connection:
        connection.sendall(
            head("POST", "/v1/predict", f"Content-Type: {KIND}", "Content-Length: 5000")
        )
        connection.sendall(form(b"x")[:40])
        assert answer_of(connection)[0] == 408
    assert is_served(address)


@pytest.mark.parametrize("start", [b"", b"POST /v1/predict HTTP/1.1\r\nHost: te"])
def test_a_head_that_does_not_come_ends_the_connection(address, start):
    with connected(address) as connection:
        connection.sendall(start)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert is_served(address)


def test_uploads_that_are_cut_off_leave_nothing_behind(address):
    body = form(poster(1))
    for stop in (0, 30, len(body) // 2, len(body) - 1):
        with connected(address) as connection:
            connection.sendall(
                head("POST", "/v1/predict", f"Content-Type: {KIND}", f"Content-Length: {len(body)}")
            )
            connection.sendall(body[:stop])
    assert is_served(address)
    url = url_of(address, "/metrics")
    while 'status="gone"} 4.0' not in (text := httpx.get(url).text):
        time.sleep(0.05)
    assert "keras_genres_upload_bytes 0.0" in text and "keras_genres_queue_posters 0.0" in text


@pytest.mark.parametrize("data", [b"\x00\xff\r\n\r\n", b"hello\r\n\r\n"])
def test_what_is_not_http_is_400(address, data):
    assert status_of(*address, data) in (0, 400)
    assert is_served(address)


def test_sigterm_finishes_what_runs_and_says_so_first(finished):
    with served(finished.path, "--drain-seconds", "3") as (process, host, port):
        body = form(poster(1))
        lines = (f"Content-Type: {KIND}", f"Content-Length: {len(body)}")
        with connected((host, port)) as connection:
            connection.sendall(head("POST", "/v1/predict", *lines) + body[:100])
            process.send_signal(signal.SIGTERM)
            while status_of(host, port, head("GET", "/readyz")) != 503:
                time.sleep(0.02)
            assert is_served((host, port))  # a load balancer may not have looked yet
            while process.poll() is None:
                try:
                    status_of(host, port, head("GET", "/readyz"))
                except OSError:
                    break  # nothing new is taken
                time.sleep(0.05)
            assert process.poll() is None  # for this request has not been answered
            connection.sendall(body[100:])
            status, value = answer_of(connection)
            assert status == 200 and value["predictions"][0]["error"] is None
        assert process.wait(30) == 0


def test_a_client_that_keeps_its_connection_is_told_of_the_end_and_loses_no_request(finished):
    with served(finished.path, "--drain-seconds", "2") as (process, host, port):
        with httpx.Client(timeout=60) as kept, connected((host, port)) as idle:
            ask = partial(kept.get, url_of((host, port), "/healthz"))
            assert "connection" not in ask().headers
            idle.sendall(head("GET", "/healthz"))
            assert answer_of(idle)[0] == 200
            process.send_signal(signal.SIGTERM)
            while status_of(host, port, head("GET", "/readyz")) != 503:
                time.sleep(0.02)
            assert ask().headers["connection"] == "close"
            with contextlib.suppress(OSError):
                while True:  # until nothing new is taken
                    connected((host, port)).close()
                    time.sleep(0.02)
            idle.sendall(head("GET", "/healthz"))
            assert answer_of(idle)[0] == 200
        assert process.wait(30) == 0


def test_a_port_in_use_and_what_is_no_model_are_told_in_a_line(tmp_path):
    with listen("127.0.0.1", 0) as bound:
        bound.listen()
        port = str(bound.getsockname()[1])
        done = CliRunner().invoke(main, ["serve", str(tmp_path), "--port", port])
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: Cannot listen on 127.0.0.1 port {port}: ")
    done = CliRunner().invoke(main, ["serve", str(tmp_path), "--port", "0"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ") and len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "options", [["--allow-private"], ["--body-mb", "999"], ["--queue", "5"], ["--port", "70000"]]
)
def test_options_that_do_not_go_together_are_wrong_usage(options):
    assert CliRunner().invoke(main, ["serve", "runs/v2s", *options]).exit_code == 2
