"""Saved scores from strangers: exactly four plain arrays, checked before memory is taken."""

import io
import zipfile

import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.predictions import Predictions


def arrays(posters=6):
    random = np.random.default_rng(0)
    return {
        "filenames": np.array([f"ü{index}.jpg" for index in range(posters)]),
        "labels": random.integers(0, 2, (posters, 19)).astype(np.uint8),
        "scores": random.random((posters, 19)).astype(np.float32),
        "groups": np.array([f"g{index}" for index in range(posters)]),
    }


def packed(parts, compression=zipfile.ZIP_STORED, more=()):
    """Return a `.npz` of arrays, or of bytes in the place of one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, value in (*parts.items(), *more):
            if not isinstance(value, bytes):
                part = io.BytesIO()
                np.lib.format.write_array(part, value, allow_pickle=True)
                value = part.getvalue()
            archive.writestr(f"{name}.npy", value)
    return buffer.getvalue()


def header(shape, dtype="'<f4'", data=b""):
    """Return the bytes of an array whose header claims what it likes."""
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + data


def refused(data, match):
    with pytest.raises(UserError, match=match) as caught:
        Predictions.parse(data, "val.npz")
    assert "\n" not in str(caught.value) and "val.npz" in str(caught.value)


def test_what_is_written_is_read_back(tmp_path):
    wanted = Predictions(**arrays())
    wanted.save(tmp_path / "val.npz")
    found = Predictions.load(tmp_path / "val.npz")
    for name, value in arrays().items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert found.scores.flags.writeable and found.filenames.dtype == wanted.filenames.dtype


def test_a_split_without_posters_and_names_without_letters_are_read_back(tmp_path):
    for count, name in ((0, "x"), (2, "")):
        parts = arrays(count) | {"filenames": np.array([name] * count, np.str_)}
        Predictions(**parts).save(tmp_path / "val.npz")
        assert Predictions.load(tmp_path / "val.npz").filenames.tolist() == [name] * count


@pytest.mark.parametrize("name", ["labels", "filenames"])
@pytest.mark.parametrize("shape", [(10**12, 19), (-1, 19), (2**62, 2**62), (), (6,)])
def test_a_header_that_claims_more_than_the_file_has_is_refused(name, shape):
    refused(packed(arrays() | {name: header(shape, "'|u1'")}), "damaged")
    refused(packed(arrays() | {name: header(shape, "'<U9'")}), "damaged")


def test_packed_arrays_are_refused_before_they_grow():
    bomb = {"filenames": b"\0" * 50_000_000}
    refused(packed(arrays() | bomb, zipfile.ZIP_DEFLATED), "is packed")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"labels": np.array([[{}] * 19] * 6, dtype=object)}, "object"),
        ({"labels": np.zeros((6, 19), np.float64)}, "float64"),
        ({"scores": np.zeros((6, 19), ">f4")}, ">f4"),
        ({"scores": np.zeros((6, 19), "f4", order="F")}, "shape"),
        ({"scores": np.zeros((6, 18), np.float32)}, "must hold labels and scores of shape"),
        ({"labels": np.zeros((5, 19), np.uint8)}, "must hold labels and scores of shape"),
        ({"groups": np.array(["a"])}, "a group for each"),
        ({"scores": np.full((6, 19), np.inf, np.float32)}, "not numbers"),
        ({"scores": np.full((6, 19), 1.5, np.float32)}, "not between 0 and 1"),
        ({"scores": np.full((6, 19), -0.5, np.float32)}, "not between 0 and 1"),
        ({"labels": np.full((6, 19), 2, np.uint8)}, "neither 0 nor 1"),
        ({"labels": np.zeros((6, 19), [("a", "u1")])}, "damaged"),
        ({"filenames": np.array([b"a"] * 6)}, "damaged"),
        ({"labels": b"\x93NUMPY\2\0" + b"\0" * 99}, "version"),
        ({"labels": b"not an array"}, "damaged"),
        ({"labels": header("(" * 200 + ")" * 200)}, "damaged"),
        ({"labels": header("(6, 19)", "__import__('os')", bytes(114))}, "damaged"),
    ],
    ids=lambda each: str(next(iter(each))) if isinstance(each, dict) else each,
)
def test_arrays_of_another_kind_are_refused(change, said):
    refused(packed(arrays() | change), said)


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800, 0xDBFF])
def test_names_that_are_no_text_are_refused(code):
    names = np.full((6, 3), ord("a"), np.uint32)
    names[2, 1] = code
    data = header("(6,)", "'<U3'", names.tobytes())
    refused(packed(arrays() | {"filenames": data}), "no text")


def test_names_of_bytes_that_are_no_utf8_are_text():
    names = np.array([b"\xff.jpg".decode("utf-8", "surrogateescape")] * 6)
    assert Predictions.parse(packed(arrays() | {"filenames": names}), "a").filenames[0] == names[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_entries_are_refused():
    refused(packed(arrays(), more=[("more", b"x")]), "and nothing else")
    refused(packed(arrays(), more=[("labels", b"x")]), "and nothing else")
    parts = arrays()
    del parts["groups"]
    refused(packed(parts), "and nothing else")
    refused(b"", "damaged")
    refused(b"PK\5\6" + bytes(18), "and nothing else")
