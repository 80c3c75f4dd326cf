"""What serving costs: a service with many clients against the same model in a bare loop.

    python experiments/serve_load.py runs/v2s posters/ --rounds 7

Rounds alternate. The bare loop is `Predictor.stream` over files, the same that the clients
upload, one poster a request, each over a connection of its own. The service is a process,
and the clients are threads of this one on the same cores, so that what they take counts
against the service. Beside the wall time, which other work on the machine spoils, stands
the CPU time of a poster.
"""

import contextlib
import http.client
import itertools
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import click

from keras_genres.training.start import start_keras

BOUNDARY = "7MA4YWxkTrZu0gW"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
COLUMNS = "service/s  bare/s  ratio  p50 ms  p99 ms  CPU ms service  bare"


@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.argument("posters", type=click.Path(exists=True, file_okay=False))
@click.option("--clients", default=8, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--seconds", default=25.0, show_default=True, help="Of each half of a round.")
@click.option("--files", default=500, show_default=True, help="How many of the JPEG files to use.")
def main(model, posters, clients, rounds, seconds, files):
    """Print each round, the medians, and how many answers were no scores."""
    start_keras()
    from keras_genres import Predictor

    paths = sorted(Path(posters).rglob("*.jpg"))[:files]
    bodies = [body_of(path) for path in paths]
    predictor = Predictor.load(model)
    wrong, rows = [], []
    with served(model) as port:
        rate, _ = bare(predictor, paths, 2 * len(paths))  # the first posters are slower
        ask(port, bodies, clients, seconds / 5, wrong)
        click.echo(COLUMNS)
        for _ in range(rounds):
            rate, bare_cpu = bare(predictor, paths, max(32, int(rate * seconds)))
            before = work_of(port)
            start = time.perf_counter()
            times = ask(port, bodies, clients, seconds, wrong)
            asked = len(times) / (time.perf_counter() - start)
            cpu, scored = (now - then for now, then in zip(work_of(port), before, strict=True))
            p50, p99 = (1000 * times[int(share * len(times))] for share in (0.5, 0.99))
            rows.append((asked, rate, asked / rate, p50, p99, 1000 * cpu / scored, bare_cpu))
            click.echo(line_of(rows[-1]))
    click.echo(line_of([statistics.median(column) for column in zip(*rows, strict=True)]) + " *")
    click.echo(f"* medians. Answers that were no scores: {len(wrong)} {wrong[:3] or ''}".rstrip())


def line_of(row):
    """Return a row as a line below `COLUMNS`."""
    return "{:9.1f}{:8.1f}{:7.2f}{:8.0f}{:8.0f}{:16.1f}{:6.1f}".format(*row)


def body_of(path):
    """Return a form with one file as bytes."""
    head = f'Content-Disposition: form-data; name="posters"; filename="{path.name}"'
    start = f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode()
    return start + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def bare(predictor, paths, count):
    """Score so many files in turn; return posters a second and CPU milliseconds a poster."""
    start, cpu = time.perf_counter(), time.process_time()
    found = predictor.stream(itertools.islice(itertools.cycle(paths), count))
    unread = [each.source for each in found if each.error]
    if unread:
        raise click.ClickException(f"{len(unread)} files cannot be read, as {unread[0]}.")
    seconds = time.perf_counter() - start
    return count / seconds, 1000 * (time.process_time() - cpu) / count


@contextlib.contextmanager
def served(model):
    """Yield the port of `keras-genres serve`, once it is ready."""
    command = [sys.executable, "-m", "keras_genres", "serve", str(model), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next((line for line in process.stderr if line.startswith(("Error", "Serving"))), "")
        if not line.startswith("Serving"):
            raise click.ClickException(f"The service did not start: {line.strip()}")
        port = int(re.search(r":(\d+)/", line)[1])
        while told(port, "/readyz")[0] != 200:
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def told(port, path):
    """Return the status and the text of a GET."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def work_of(port):
    """Return the CPU seconds of the service (NaN where it cannot tell) and posters scored."""
    text = told(port, "/metrics")[1]
    names = ("process_cpu_seconds_total", 'keras_genres_posters_total{outcome="scored"}')
    found = (re.search(f"^{re.escape(name)} (.+)$", text, re.MULTILINE) for name in names)
    return [float(each[1]) if each else float("nan") for each in found]


def ask(port, bodies, clients, seconds, wrong):
    """Upload from many clients; return the sorted seconds of every answer with scores."""
    times, end = [], time.perf_counter() + seconds

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for turn in itertools.count(number, clients):
            start = time.perf_counter()
            if start > end:
                break
            try:
                body = bodies[turn % len(bodies)]
                connection.request("POST", "/v1/predict?top=3", body, HEADERS)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                wrong.append(repr(error))
                connection.close()
                continue
            if answer.status != 200:
                wrong.append(answer.status)
            else:
                times.append(time.perf_counter() - start)
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sorted(times)


if __name__ == "__main__":
    main()
