"""`keras-genres predict`: the genres of many posters, to a file or a stream."""

import hashlib
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.inference.journal import open_journal
from keras_genres.inference.outputs import header_of, line_of, require_parquet, write_parquet
from keras_genres.inference.predictor import READERS, Predictor
from keras_genres.plain_files import scan
from keras_genres.runs import Run

_NOTE_SECONDS = 30.0
_URL_READERS = 16


@dataclass(frozen=True)
class Done:
    """What a job did."""

    rows: int
    """Lines in the output, one for each poster."""
    good: int
    """Posters that could be read."""
    new: int
    """Posters that were predicted now, and not before the job was cut off."""
    seconds: float
    """Time that took, without loading the model."""


def predict(
    model,
    sources,
    described,
    *,
    form,
    out=None,
    stream=None,
    top=None,
    tta=None,
    batch_size=32,
    resume=False,
    overwrite=False,
    every_seconds=5.0,
    note=lambda line: None,
):
    """Predict the genres of posters.

    Args:
        model: Run folder, `.keras` file or exported model.
        sources: The `Sources`.
        described: What they were made of, a dictionary for JSON.
        form: `table`, `csv`, `jsonl` or `parquet`.
        out: File to make; `None`: write to `stream`.
        stream: Binary file.
        top: Scores to tell of each poster; `None` for all.
        tta: `flip` or `None`.
        batch_size: Posters that go through the network together.
        resume, overwrite, every_seconds: As for `open_journal`.
        note: Called with lines for the person at the terminal.

    Returns:
        A `Done`.

    Raises:
        UserError: If the model or the output cannot be used, the sources hold
            no poster, or a resumed job is another one than was begun.
    """
    if form == "parquet":
        require_parquet()
        if out is None:
            raise UserError("Parquet needs a file: --out posters.parquet")
    if out is None:
        done = _to_stream(model, sources, stream, form, top, tta, batch_size)
    else:
        job = {
            "model": digest_of(model),
            "sources": described,
            "format": form,
            "top": top,
            "tta": tta,
            "batch": batch_size,
        }
        lines = "jsonl" if form == "parquet" else form
        convert = partial(write_parquet, top=top) if form == "parquet" else None
        header = header_of(lines, top)
        with open_journal(out, job, header, resume, overwrite, convert, every_seconds) as journal:
            if journal.is_finished:
                note(f"{out} is finished already.")
                return Done(journal.rows, journal.good, 0, 0.0)
            done = _to_journal(model, sources, journal, lines, top, tta, batch_size, note)
            journal.finish(convert)
    return done


def _to_journal(model, sources, journal, form, top, tta, batch_size, note):
    found = iter(sources)
    if journal.rows:
        note(f"Going on after {journal.rows} posters.")
        journal.skip(found)
    predictor = Predictor.load(model, batch_size)
    before, started = journal.rows, time.monotonic()
    noted = started
    for prediction in _stream(predictor, sources, found, tta):
        is_good = prediction.error is None
        journal.write(line_of(form, prediction, top), prediction.source, is_good)
        # Only between batches: the same posters go through the network together
        # whether or not the job is cut off, so the scores are the same.
        if journal.rows % batch_size == 0:
            journal.mark()
            if time.monotonic() - noted > _NOTE_SECONDS:
                noted = time.monotonic()
                note(
                    progress_of(journal.rows, journal.good, journal.rows - before, noted - started)
                )
    _require_some(journal.rows, sources)
    seconds = time.monotonic() - started
    return Done(journal.rows, journal.good, journal.rows - before, seconds)


def _to_stream(model, sources, stream, form, top, tta, batch_size):
    found = iter(sources)
    predictor = Predictor.load(model, batch_size)
    stream.write(header_of(form, top).encode("utf-8"))
    rows = good = 0
    started = time.monotonic()
    for prediction in _stream(predictor, sources, found, tta):
        stream.write(line_of(form, prediction, top).encode("utf-8"))
        rows += 1
        good += prediction.error is None
        if rows % batch_size == 0:
            stream.flush()
    stream.flush()
    _require_some(rows, sources)
    return Done(rows, good, rows, time.monotonic() - started)


def progress_of(rows, good, new, seconds):
    """Return a line that says how far a job is."""
    count = "1 poster" if rows == 1 else f"{rows} posters"
    # A single poster waits for what is made ready once: its rate says nothing.
    rate = f" ({new / max(seconds, 1e-9):.1f} posters/s)" if good and new > 1 else ""
    return f"{count}, {rows - good} of them unreadable{rate}"


def _stream(predictor, sources, found, tta):
    readers = _URL_READERS if sources.may_hold_urls else READERS
    return predictor.stream(found, tta=tta, readers=readers)


def _require_some(rows, sources):
    if not rows and not sources.is_part:
        raise UserError("The sources hold no poster.")


def digest_of(model):
    """Return a SHA-256 over the files that make a model what it is.

    Raises:
        UserError: If there is no such model.
    """
    path = Path(model)
    if path.is_dir() and not (path / "saved_model.pb").exists():
        path = Run.open(path).model_file
    digest = hashlib.sha256()
    try:
        for name in scan(path)[0] if path.is_dir() else [""]:
            with open(path / name, "rb") as file:
                digest.update(
                    f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
                )
    except OSError as error:
        raise UserError(f"Cannot read the model {model}: {error.strerror}.") from None
    return digest.hexdigest()
