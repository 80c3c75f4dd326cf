"""The file a long job writes line by line, so that it can go on where it was cut off.

Beside `NAME` stands a folder `NAME.partial` while the job runs: `rows` with
the lines so far, `progress.json` with how many of them count, `job.json` with
what the job is. At most the lines of the last seconds do not count yet when
a process is killed; they are cut off and made anew. `NAME` appears whole, and
what the job was stays beside it as `.NAME.job.json`: a finished file is not
taken for that of another job.
"""

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.files import partial_of, read_sealed, sync_folder, write_sealed
from keras_genres.locks import alone

_JOB, _PROGRESS, _ROWS, _WHOLE = "job.json", "progress.json", "rows", "whole"


class Journal:
    """Lines of a job, each of a named item. To be had from `open_journal`.

    Attributes:
        is_finished: Whether the file was there already, whole.
        rows: Lines that count, without the header.
        good: How many of them are of readable items.
    """

    def __init__(self, out, every_seconds):
        self.out = Path(out)
        self.is_finished = False
        self.rows = self.good = 0
        self._folder = partial_of(out)
        # Who reads a folder of Parquet files passes over names with a point before them.
        self._job_file = self.out.with_name(f".{self.out.name}.{_JOB}")
        self._every = every_seconds
        self._size = 0
        self._digest = ""
        self._file = None
        self._marked = None
        self._saved_at = time.monotonic()

    def skip(self, items):
        """Go past the items whose lines are there, and see that they are the same.

        Args:
            items: Iterator of what has a `name`; it is gone on with afterwards.

        Raises:
            UserError: If the sources name other items than when the job began.
        """
        digest = ""
        for number in range(self.rows):
            item = next(items, None)
            if item is None:
                raise UserError(
                    f"The sources name {number} posters, and {self._folder} holds lines of "
                    f"{self.rows}. {_BEGIN_ANEW}"
                )
            digest = _chained(digest, item.name)
        if digest != self._digest:
            raise UserError(
                f"The sources do not name the {self.rows} posters first whose lines "
                f"{self._folder} holds: files came or went meanwhile. {_BEGIN_ANEW}"
            )

    def write(self, line, name, is_good):
        """Add the line of an item."""
        data = line.encode("utf-8")
        self._file.write(data)
        self._size += len(data)
        self.rows += 1
        self.good += is_good
        self._digest = _chained(self._digest, name)

    def mark(self):
        """Let the lines so far count. They are put on the disk every few seconds."""
        self._file.flush()
        self._marked = {
            "rows": self.rows,
            "good": self.good,
            "bytes": self._size,
            "names_sha256": self._digest,
        }
        if time.monotonic() - self._saved_at >= self._every:
            self.save()

    def save(self, is_finished=False):
        """Put the lines that count on the disk."""
        if self._marked is not None:
            os.fsync(self._file.fileno())
            write_sealed(self._folder / _PROGRESS, {**self._marked, "finished": is_finished})
            self._saved_at = time.monotonic()

    def _keep(self):
        """Leave what is there to be gone on with; where nothing was done yet, leave nothing."""
        if self._marked is None or self._marked["rows"]:
            self.save()
        else:
            _remove(self._folder)

    def finish(self, convert=None):
        """Make the file of the lines.

        Args:
            convert: Function of an iterable of lines and a path that writes
                the file; `None`: the lines are the file.
        """
        self.mark()
        self.save(is_finished=True)
        self._marked = None  # what fails from here on is done by who resumes
        self._put_in_place(convert)

    def _put_in_place(self, convert):
        rows = self._folder / _ROWS
        if rows.exists():
            whole = rows
            if convert is not None:
                # In the folder, with which it goes when this is cut off.
                whole = self._folder / _WHOLE
                with open(rows, encoding="utf-8", newline="\n") as lines:
                    convert(lines, whole)
            os.replace(whole, self.out)
            rows.unlink(missing_ok=True)
        os.replace(self._folder / _JOB, self._job_file)
        sync_folder(self.out.parent)
        _remove(self._folder)
        self.is_finished = True

    def _begin(self, job, header):
        self._folder.mkdir(parents=True, exist_ok=True)
        # Whatever a job that was cut off this early had written is made anew.
        (self._folder / _ROWS).unlink(missing_ok=True)
        (self._folder / _PROGRESS).unlink(missing_ok=True)
        write_sealed(self._folder / _JOB, job)
        self._file = open(self._folder / _ROWS, "wb")  # noqa: SIM115 - closed by open_journal
        self._size = self._file.write(header.encode("utf-8"))
        self.mark()
        self.save()

    def _go_on(self, job, header, convert):
        _require_same(job, read_sealed(self._folder / _JOB), f"{self._folder} holds a job begun")
        if not (self._folder / _PROGRESS).exists():
            self._begin(job, header)
            return
        progress = read_sealed(self._folder / _PROGRESS)
        self.rows, self.good = progress["rows"], progress["good"]
        self._size, self._digest = progress["bytes"], progress["names_sha256"]
        if progress["finished"]:
            self._put_in_place(convert)
            return
        self._file = open(self._folder / _ROWS, "r+b")  # noqa: SIM115 - closed by open_journal
        if self._file.seek(0, os.SEEK_END) < self._size:
            raise UserError(f"{self._folder / _ROWS} is shorter than it was. {_BEGIN_ANEW}")
        self._file.truncate(self._size)
        self._file.seek(self._size)


@contextlib.contextmanager
def open_journal(
    out, job, header="", resume=False, overwrite=False, convert=None, every_seconds=5.0
):
    """Begin a file, or go on with it, for the time of a `with` block.

    When the block fails what was marked stays, to be gone on with.

    Args:
        out: The file to make.
        job: What the job is, a dictionary for JSON: one that is gone on with
            must be the same.
        header: Text before the first line.
        resume: Go on with a job that was cut off; without one begin it.
        overwrite: Replace a file that is there, and forget a job that was cut off.
        convert: As for `Journal.finish`, where that was cut off.
        every_seconds: How often lines are put on the disk.

    Yields:
        A `Journal`, with `is_finished` where there is nothing left to do.

    Raises:
        UserError: If the file or a job is there and neither option says what
            to do about it, or the job is another one.
    """
    if Path(out).is_dir():
        raise UserError(f"{out} is a folder. --out takes a file.")
    journal = Journal(out, every_seconds)
    with alone(out):
        folder = journal._folder
        is_begun = (folder / _JOB).exists()
        _require_room(journal.out, folder, is_begun, resume, overwrite)
        try:
            if is_begun and resume:
                journal._go_on(job, header, convert)
            elif resume and journal.out.exists():
                if journal._job_file.exists():
                    made = f"{out} is finished, and was made"
                    _require_same(job, read_sealed(journal._job_file), made)
                _remove(folder)
                journal.is_finished = True
            else:
                journal._begin(job, header)
            yield journal
        except BaseException:
            with contextlib.suppress(OSError, ValueError):  # the reason matters more
                if journal._file is not None and not journal.is_finished:
                    journal._keep()
            raise
        finally:
            if journal._file is not None:
                journal._file.close()


_BEGIN_ANEW = "Begin anew with --overwrite, or choose another --out."


def _require_room(out, folder, is_begun, resume, overwrite):
    if folder.exists() and not is_begun and not folder.is_dir():
        raise UserError(f"{folder} is in the way. Choose another --out.")
    if folder.is_dir() and not is_begun:
        ours = (_PROGRESS, *(f".{name}." for name in (_JOB, _PROGRESS, _WHOLE)))
        if not all(name.startswith(ours) for name in os.listdir(folder)):
            raise UserError(f"{folder} holds other things. Choose another --out.")
    if resume and overwrite:
        raise UserError("--resume and --overwrite cannot stand together.")
    if overwrite or resume:
        return
    if is_begun:
        raise UserError(
            f"{folder} holds a job that was cut off. Go on with --resume, or begin anew "
            "with --overwrite."
        )
    if out.exists():
        raise UserError(f"{out} is there already. Choose another --out, or --overwrite it.")


def _remove(folder):
    """Remove the folder of a job, in an order in which no part of it says something untrue."""
    for name in (_ROWS, _JOB):
        (folder / name).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _require_same(job, begun, said):
    other = [key for key in {**begun, **job} if begun.get(key) != job.get(key)]
    if other:
        raise UserError(
            f"{said} with another {', '.join(sorted(other))}. "
            "Give the same, or begin anew with --overwrite."
        )


def _chained(digest, name):
    return hashlib.sha256(f"{digest}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
