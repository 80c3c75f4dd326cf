"""`split.json`: which posters are in which split, in one hash.

Two runs can be compared only if they saw the same split. The hash covers
filename, labels and split of every poster; the counts beside it are there
to say what changed when two hashes differ.
"""

import hashlib
import itertools
import re
from dataclasses import asdict, dataclass, field

import numpy as np

from keras_genres import __version__
from keras_genres.errors import UserError
from keras_genres.files import parse_json, read_json, write_json
from keras_genres.genres import GENRES

SPLITS = ("train", "val", "test")


def hash_rows(filenames, labels, splits):
    """Return the SHA-256 over the sorted (filename, labels, split) rows.

    Args:
        filenames: The posters' names; may be an iterator.
        labels: 0/1 array of shape `(posters, genres)`.
        splits: Sequence of `posters` strings, or one string for all.

    Returns:
        64 hexadecimal digits.
    """
    if isinstance(splits, str):
        splits = [splits] * len(labels)
    digits = (np.asarray(labels, dtype=np.uint8) + ord("0")).astype(np.uint8)
    rows = sorted(
        f"{name}\t{bytes(row).decode()}\t{split}\n"
        for name, row, split in zip(filenames, digits, splits, strict=True)
    )
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Split:
    """What `split.json` holds."""

    sha256: str
    """Hash over all rows, as `hash_rows` makes it."""
    seed: int
    """Seed the split was drawn with."""
    fractions: dict
    """Wanted share of posters for `train`, `val` and `test`."""
    splits: dict = field(default_factory=dict)
    """For each split: `posters`, `groups`, `sha256` of its rows, `genres` (name -> count)."""
    tool_version: str = __version__
    """keras-genres version that wrote it."""

    @classmethod
    def of(cls, filenames, labels, splits, groups, seed, fractions):
        """Describe a split.

        Args:
            filenames: Sequence of `posters` strings.
            labels: 0/1 array of shape `(posters, genres)`.
            splits: `train`, `val` or `test` for each poster.
            groups: Group of each poster.
            seed: Seed the split was drawn with.
            fractions: Wanted share of each split.
        """
        labels = np.asarray(labels)
        splits = np.asarray(splits)
        parts = {}
        for part in SPLITS:
            rows = splits == part
            # One after the other, since names and groups may be packed: see `Texts`.
            names = itertools.compress(filenames, rows)
            counts = labels[rows].sum(axis=0).astype(int).tolist()
            parts[part] = {
                "posters": int(rows.sum()),
                "groups": len(set(itertools.compress(groups, rows))),
                "sha256": hash_rows(names, labels[rows], part),
                "genres": dict(zip(GENRES, counts, strict=True)),
            }
        return cls(hash_rows(filenames, labels, splits), int(seed), dict(fractions), parts)

    @classmethod
    def load(cls, path):
        """Read `split.json`.

        Raises:
            UserError: If it is missing or not a split file of ours.
        """
        return cls._of_json(read_json(path), path)

    @classmethod
    def parse(cls, data, name):
        """Return what the bytes of a `split.json` hold.

        Args:
            data: The bytes.
            name: What to call them in a message.

        Raises:
            UserError: If they are not a split file of ours.
        """
        return cls._of_json(parse_json(data, name, is_strict=True), name)

    @classmethod
    def _of_json(cls, values, name):
        try:
            split = cls(**values)
            ok = _is_hash(split.sha256) and set(split.splits) == set(SPLITS)
            ok = ok and all(map(_is_part, split.splits.values()))
            ok = ok and _is_count(split.seed) and all(map(_is_share, split.fractions.values()))
            ok = ok and isinstance(split.tool_version, str)
        except (TypeError, KeyError, AttributeError):
            ok = False
        if not ok:
            raise UserError(
                f"{name} is not a split file. Run `keras-genres data prepare` to write one."
            )
        return split

    def save(self, path):
        """Write `split.json`."""
        write_json(path, asdict(self))

    def require_same(self, other, mine, theirs):
        """Refuse another split.

        Args:
            other: The other `Split`.
            mine: What to call this one in the message, say `runs/v2s`.
            theirs: What to call the other.

        Raises:
            UserError: If the hashes differ; it says what changed.
        """
        if self.sha256 != other.sha256:
            raise UserError(
                f"{mine} and {theirs} have different splits: {self.difference(other)}. Scores on "
                "different splits cannot be mixed: prepare the data as before, or train anew."
            )

    def difference(self, other):
        """Say in a few words how `other` differs from this split.

        Example: `"hash 1a2b3c4d -> 5e6f7a8b; seed 0 -> 1; train 700 -> 699 posters"`.
        """
        parts = [f"hash {self.sha256[:8]} -> {other.sha256[:8]}"]
        if self.seed != other.seed:
            parts.append(f"seed {self.seed} -> {other.seed}")
        if self.fractions != other.fractions:
            parts.append(f"fractions {self.fractions} -> {other.fractions}")
        for part in SPLITS:
            old, new = self.splits[part], other.splits[part]
            if old["posters"] != new["posters"]:
                parts.append(f"{part} {old['posters']} -> {new['posters']} posters")
            moved = [
                f"{genre} {old['genres'][genre]} -> {new['genres'][genre]}"
                for genre in GENRES
                if old["genres"][genre] != new["genres"][genre]
            ]
            if moved:
                parts.append(f"{part} " + ", ".join(moved[:3]) + (" …" if moved[3:] else ""))
            elif old["sha256"] != new["sha256"]:
                parts.append(f"{part} holds other posters")
        return "; ".join(parts)


def _is_hash(value):
    return re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_count(value):
    return type(value) is int and 0 <= value < 2**63


def _is_share(value):
    return type(value) in (int, float) and 0 <= value <= 1


def _is_part(part):
    """Whether this is what `Split.of` says of one split; a file may say more."""
    counts = [part["posters"], part["groups"], *(part["genres"][genre] for genre in GENRES)]
    return _is_hash(part["sha256"]) and all(map(_is_count, counts))
