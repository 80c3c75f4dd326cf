"""Rows of a CSV, one after the other, in bounded memory."""

import csv
import os

from keras_genres.errors import UserError

MAX_COLUMNS = 1000
"""A table with more is none of posters."""
MAX_LINE = 2**20
"""Most characters of one line."""


def read_rows(path, delimiter=None, hint=""):
    """Yield the rows of a CSV, the header first. The file is closed with the generator.

    Args:
        path: The file: UTF-8, with or without its mark.
        delimiter: What parts columns; `None` for `,`, `;` or a tab, whichever
            the first line has most of.
        hint: What to do about a bad file, a sentence.

    Raises:
        FileNotFoundError: If there is no such file.
        UserError: If it is no CSV, or its lines or columns are out of all measure.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path} is not a file. {hint}".rstrip())
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if delimiter is None:
                first = file.readline(MAX_LINE)
                file.seek(0)
                delimiter = max(",;\t", key=first.count)
            for row in csv.reader(_lines(file), delimiter=delimiter, strict=True):
                if len(row) > MAX_COLUMNS:
                    raise csv.Error(f"{len(row)} columns, at most {MAX_COLUMNS}")
                yield row
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        hint = hint or "Save it again as CSV UTF-8."
        raise UserError(
            f"{path} is not a readable CSV: it is not UTF-8 (byte {error.start}). {hint}"
        ) from None
    except (OSError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV: {error}. {hint}".rstrip()) from None


def _lines(file):
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise csv.Error(f"a line is longer than {MAX_LINE} characters")
        if "\0" in line:
            raise csv.Error("it holds NUL bytes, as files in UTF-16 do")
        yield line
