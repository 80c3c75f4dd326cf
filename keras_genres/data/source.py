"""What a source of posters holds, whatever its kind."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Entry:
    """One poster as the source names it."""

    name: str
    """Path below the images folder, with `/`; unique in the source."""
    genres: frozenset
    """Names of its known genres; may be empty."""
    films: frozenset = frozenset()
    """Ids of the films it stands for; empty where the source has no ids."""
    extra: dict = field(default_factory=dict)
    """Further columns of the CSV."""


@dataclass
class Source:
    """What a source holds."""

    kind: str
    """`genre folders`, `genres column` or `genre columns`."""
    images: Path
    """Folder that the names of entries are relative to."""
    entries: list
    """One `Entry` a poster, sorted by name."""
    rejected: list = field(default_factory=list)
    """`(name, reason, detail)` of what is left out already."""
    notes: list = field(default_factory=list)
    """Lines worth telling the user."""
    ignored: dict = field(default_factory=dict)
    """Unknown genres that were ignored -> how many times."""
    conflicts: set = field(default_factory=set)
    """Names of posters whose rows in the CSV gave different genres."""


def some(names, most=3):
    """Return the first few names as text."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
