"""What `data prepare` found, and whether it still holds: `data check`."""

from pathlib import Path

from keras_genres.data.changed import VANISHED, find_changes, name_some
from keras_genres.data.groups import tally
from keras_genres.data.packed import read_posters
from keras_genres.data.source import some
from keras_genres.data.stamps import FILES
from keras_genres.data.table import FACTS
from keras_genres.errors import UserError, one_line
from keras_genres.files import read_json
from keras_genres.genres import GENRES
from keras_genres.split import SPLITS

_NAMED = 20  # reasons, formats or genres in one line


def check(path, by_hash=False, note=None):
    """Check a prepared folder again and return what there is to know of it.

    Args:
        path: The folder, or its `multilabel_posters.csv`.
        by_hash: Read every poster, instead of those whose time of change is another.
        note: Called with a line where files were copied or touched; may be `None`.

    Returns:
        A dict that fits into JSON: `folder`, `sha256`, `posters`, `groups`,
        `splits` (posters, groups and `genres` of each), `genres` (counts over
        all), `genres_per_poster`, `vanished` (names of posters that are no
        longer there), `changed` (name of every other poster that is not as
        it was -> what became of it; `None` where that is not known, without a
        `files.csv`), and `prepare`: what `prepare.json` says, or `None` where
        the table was written by other means.

    Raises:
        UserError: If the table is damaged, or is not the one of `split.json`.
    """
    posters = read_posters(path, with_extra=False)
    facts = posters.root / FACTS
    found, is_known = find_changes(
        posters.root, posters.filenames, "hash" if by_hash else "stat", note
    )
    changes = [(posters.filenames[row], what) for row, what in found]
    counts = posters.labels.sum(axis=0).tolist()
    return {
        "folder": str(Path(path) if Path(path).is_dir() else Path(path).parent),
        "sha256": posters.split.sha256,
        "seed": posters.split.seed,
        "posters": len(posters.labels),
        "groups": int(posters.groups.numbers().max()) + 1,
        "splits": {name: posters.split.splits[name] for name in SPLITS},
        "genres": dict(zip(GENRES, counts, strict=True)),
        "genres_per_poster": tally(posters.labels.sum(axis=1).tolist()),
        "vanished": [name for name, what in changes if what == VANISHED],
        "changed": {n: what for n, what in changes if what != VANISHED} if is_known else None,
        "prepare": read_json(facts) if facts.exists() else None,
    }


def format_check(found):
    """Return what `check` found as text to print.

    Raises:
        UserError: If `prepare.json` does not say what it should.
    """
    lines = [*_genre_table(found), ""]
    lines.append(f"Genres per poster: {_per_poster(found['genres_per_poster'])}")
    notes = []
    if found["prepare"] is not None:
        try:
            lines += map(one_line, _facts(found["prepare"]))
            notes = [one_line(f"Note: {note}") for note in found["prepare"]["notes"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(
                f"{Path(found['folder']) / FACTS} is not as `keras-genres data prepare` writes "
                "it. Run that again, or remove the file."
            ) from None
    lines.append(
        f"Split:             seed {found['seed']}, hash {found['sha256'][:16]}, as written"
    )
    lines += notes
    lines += _warnings(found)
    return "\n".join(lines)


def _facts(facts):
    """Return the lines on what `data prepare` found."""
    width, height = facts["width"], facts["height"]
    lines = [
        f"Source:            {facts['source']['kind']}, {facts['source']['path']}",
        f"Pixels:            {_range(width)} wide, {_range(height)} high",
        f"Formats:           {_counts(facts['formats'].items())}",
        f"Converted:         {_counts(facts['converted'].items(), 'converted/')}",
        f"Rejected:          {_counts(facts['rejected'].items(), 'rejected.csv')}",
        f"Duplicates:        {_duplicates(facts['duplicates'])}",
        f"Conflicts:         {_conflicts(facts['conflicts'])}",
    ]
    if "extends" in facts:
        lines.append(f"Extends:           validation and test of the split {facts['extends'][:16]}")
    if facts["ignored_genres"]:
        lines.append(f"Ignored genres:    {_counts(facts['ignored_genres'].items())}")
    return lines


def _warnings(found):
    """Yield a line for posters that vanished and one for those that changed."""
    total = found["posters"]
    mend = "or run `keras-genres data prepare` again."
    gone = [(name, VANISHED) for name in found["vanished"]]
    if gone:
        yield f"Warning: {name_some(gone, total)}. Bring them back, {mend}"
    if found["changed"]:
        yield f"Warning: {name_some(list(found['changed'].items()), total)}. Undo it, {mend}"
    if found["changed"] is None:
        yield f"Whether posters changed is not known: there is no {FILES}."


def _genre_table(found):
    """Return the lines of a table: counts, and the share of a split's posters in percent."""
    splits = found["splits"]
    yield f"{'':12}{'all':>9}" + "".join(f"{name:>17}" for name in SPLITS)
    for genre in GENRES:
        cells = ""
        for part in splits.values():
            count = part["genres"][genre]
            share = count / part["posters"] if part["posters"] else 0.0
            cells += f"{count:9,} {share:6.1%}"
        yield f"{genre:12}{found['genres'][genre]:9,}{cells}"
    for row in ("posters", "groups"):
        cells = ""
        for part in splits.values():
            cells += f"{part[row]:9,} {part[row] / found[row]:6.1%}"
        yield f"{row:12}{found[row]:9,}{cells}"


def _counts(items, where=""):
    text = some([f"{count:,} {name}" for name, count in items], _NAMED)
    if not text:
        return "none"
    return f"{text} (see {where})" if where else text


def _per_poster(tally):
    return ", ".join(f"{tally[count]:,} have {count}" for count in sorted(tally, key=int))


def _range(spread):
    return f"{spread['min']:,}–{spread['max']:,} (median {spread['median']:,})"


def _duplicates(facts):
    if not facts["groups"]:
        return "none"
    return (
        f"{facts['posters']:,} posters in {facts['groups']:,} groups, the largest of "
        f"{facts['largest_group']:,}: {_counts(facts['why'].items(), 'duplicates.csv')}"
    )


def _conflicts(facts):
    if not facts["groups"]:
        return "none"
    return (
        f"{facts['posters']:,} posters in {facts['groups']:,} groups with different genres "
        "(see conflicts.csv)"
    )
