"""What `data prepare` found, and whether it still holds: `data check`."""

import os
from pathlib import Path

from keras_genres.data.groups import tally
from keras_genres.data.packed import TABLE, read_posters
from keras_genres.data.table import FACTS
from keras_genres.files import read_json
from keras_genres.genres import GENRES
from keras_genres.split import SPLITS


def check(path):
    """Check a prepared folder again and return what there is to know of it.

    Args:
        path: The folder, or its `multilabel_posters.csv`.

    Returns:
        A dict that fits into JSON: `folder`, `sha256`, `posters`, `groups`,
        `splits` (posters, groups and `genres` of each), `genres` (counts over
        all), `genres_per_poster`, `vanished` (names of posters that are no
        longer there), and `prepare`: what `prepare.json` says, or `None`
        where the table was written by other means.

    Raises:
        UserError: If the table is damaged, or is not the one of `split.json`.
    """
    posters = read_posters(path, with_extra=False)
    facts = posters.root / FACTS
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
        "vanished": [
            name
            for name in posters.filenames
            if not os.path.isfile(os.path.normpath(os.path.join(posters.root, name)))
        ],
        "prepare": read_json(facts) if facts.exists() else None,
    }


def format_check(found):
    """Return what `check` found as text to print."""
    lines = [*_genre_table(found), ""]
    lines.append(f"Genres per poster: {_per_poster(found['genres_per_poster'])}")
    facts = found["prepare"]
    if facts:
        width, height = facts["width"], facts["height"]
        lines += [
            f"Source:            {facts['source']['kind']}, {facts['source']['path']}",
            f"Pixels:            {_range(width)} wide, {_range(height)} high",
            f"Formats:           {_counts(facts['formats'].items())}",
            f"Converted:         {_counts(facts['converted'].items(), 'converted/')}",
            f"Rejected:          {_counts(facts['rejected'].items(), 'rejected.csv')}",
            f"Duplicates:        {_duplicates(facts['duplicates'])}",
            f"Conflicts:         {_conflicts(facts['conflicts'])}",
        ]
        if facts["ignored_genres"]:
            lines.append(f"Ignored genres:    {_counts(facts['ignored_genres'].items())}")
    lines.append(
        f"Split:             seed {found['seed']}, hash {found['sha256'][:16]}, as written"
    )
    lines += [f"Note: {note}" for note in (facts or {}).get("notes", [])]
    gone = found["vanished"]
    if gone:
        some = ", ".join(gone[:3]) + (" …" if len(gone) > 3 else "")
        lines.append(
            f"Warning: {len(gone)} of {found['posters']} posters in {TABLE} are no longer there: "
            f"{some}. Bring them back, or run `keras-genres data prepare` again."
        )
    return "\n".join(lines)


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
    text = ", ".join(f"{count:,} {name}" for name, count in items)
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
