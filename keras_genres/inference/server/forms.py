"""Posters out of a request: `multipart/form-data`, or URLs as JSON."""

import json
from dataclasses import dataclass

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from keras_genres.errors import one_line
from keras_genres.inference.server.limits import Refused

_MOST_NAME = 255  # characters; as many as file systems allow
_MOST_URL = 2048


@dataclass(frozen=True, slots=True)
class Upload:
    """One poster of a request: its name, and its bytes or, for a URL, `None`."""

    source: str
    data: bytes | None


class MultipartForm:
    """Takes the parts of a multipart body as they come and keeps its files.

    Every part with a file name is a poster, whatever its field is called.
    What a browser sends for a file input without a file is left out.

    Args:
        content_type: The header, with the boundary.
        most: Posters that are allowed.

    Raises:
        Refused: 400 without a boundary.
    """

    def __init__(self, content_type, most):
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise _broken("Its Content-Type has no boundary")
        self.uploads = []
        self._most = most
        self._header = (bytearray(), bytearray())
        self._name = None
        self._data = bytearray()
        self._is_whole = False
        calls = {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._require_file,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, calls)
        except FormParserError as error:
            raise _broken(one_line(error, 200)) from None

    def feed(self, part):
        """Take the next part of the body.

        Raises:
            Refused: 400 for a body that is not as its form says, 413 for too
                many posters, 422 for a field that is no file.
        """
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise _broken(one_line(error, 200)) from None

    def finish(self):
        """Return the `Upload`s, in their order.

        Raises:
            Refused: 400 if the body ended before the form did.
        """
        if not self._is_whole:
            raise _broken("It ends in the middle")
        return self.uploads

    def _begin_part(self):
        self._name = None
        self._data = bytearray()

    def _end_header(self):
        name, value = map(bytes, self._header)
        self._header = (bytearray(), bytearray())
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        if b"filename" in options:
            self._name = one_line(options[b"filename"].decode("utf-8", "replace"), _MOST_NAME)
        else:
            field = one_line(options.get(b"name", b"").decode("utf-8", "replace"), 60)
            raise Refused(
                422,
                f"The field {field!r} is no file. Posters are sent as files, and options in the "
                "query, as in /v1/predict?top=5 or /v1/explain?genres=Drama.",
                "not a file",
            )

    def _require_file(self):
        if self._name is None:
            raise _broken("A part has no Content-Disposition")

    def _end_part(self):
        if self._name or self._data:
            if len(self.uploads) == self._most:
                raise too_many(self._most)
            self.uploads.append(Upload(self._name or "poster", bytes(self._data)))
        self._data = bytearray()

    def _end(self):
        self._is_whole = True


class UrlForm:
    """Takes a JSON body `{"urls": [...]}` as it comes.

    Args:
        most: URLs that are allowed.
    """

    def __init__(self, most):
        self._most = most
        self._data = bytearray()

    def feed(self, part):
        """Take the next part of the body."""
        if len(self._data) + len(part) > (self._most + 1) * (_MOST_URL + 16):
            raise Refused(413, "The JSON is too large.", "body too large")
        self._data.extend(part)

    def finish(self):
        """Return the `Upload`s, in their order, without data.

        Raises:
            Refused: 400 if it is not JSON, 422 if it is not as described, 413
                for too many URLs.
        """
        try:
            value = json.loads(self._data)
        except (ValueError, RecursionError):
            raise Refused(400, "The body of the request is not JSON.", "broken body") from None
        urls = value.get("urls") if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(urls, list) or not all(map(_is_url, urls)):
            raise Refused(
                422,
                'Expected {"urls": ["https://…"]} and nothing else, with http or https addresses '
                f"of at most {_MOST_URL} characters. Options stand in the query.",
                "wrong JSON",
            )
        if len(urls) > self._most:
            raise too_many(self._most)
        return [Upload(url, None) for url in urls]


def too_many(most):
    """Return what a request with too many posters is answered with."""
    return Refused(413, f"At most {most} posters in one request.", "too many posters")


def _is_url(value):
    return (
        isinstance(value, str)
        and len(value) <= _MOST_URL
        and value.isprintable()
        and value.lower().startswith(("http://", "https://"))
    )


def _broken(what):
    return Refused(
        400,
        f"The body of the request is no whole multipart/form-data: {what}.",
        "broken body",
    )
