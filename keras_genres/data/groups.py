"""Posters of one film or one picture, and what is said of them.

A group never crosses a split: a poster seen in training would otherwise be
asked again in the test.
"""

from collections import Counter
from hashlib import sha256

from keras_genres.data.table import write_csv
from keras_genres.genres import GENRES


def find_links(entries, inspections, firsts, pairs, keep):
    """Return what belongs together, and why.

    Args:
        entries: All usable entries.
        inspections: Their inspections.
        firsts, pairs: As `duplicates.same_pictures` returns them, over all entries.
        keep: Indices of the entries that are kept.

    Returns:
        A list of `(one, other, why)`, numbered by the place in `keep`; why is
        `same film`, `same bytes` or `same picture`.
    """
    number = {index: place for place, index in enumerate(keep)}
    links, by_film, by_bytes = [], {}, {}
    for place, index in enumerate(keep):
        for film in sorted(entries[index].films):
            other = by_film.setdefault(film, place)
            if other != place:
                links.append((other, place, "same film"))
        other = by_bytes.setdefault(inspections[index].sha256, place)
        if other != place:
            links.append((other, place, "same bytes"))
    alike = [(first, index) for index, first in enumerate(firsts.tolist()) if first != index]
    for one, two in (*alike, *pairs.tolist()):
        same_bytes = inspections[one].sha256 == inspections[two].sha256
        if one in number and two in number and not same_bytes:
            links.append((number[one], number[two], "same picture"))
    return links


def name_groups(entries, roots):
    """Name groups so that the same posters get the same names again, wherever they lie."""
    films, posters = {}, {}
    for entry, root in zip(entries, roots, strict=True):
        films.setdefault(root, set()).update(entry.films)
        posters.setdefault(root, []).append(entry.name)
    names = {
        root: f"film-{min(films[root])}"
        if films[root]
        else f"poster-{sha256(min(members).encode()).hexdigest()[:16]}"
        for root, members in posters.items()
    }
    return [names[root] for root in roots]


def write_groups(folder, names, entries, splits, groups, links, conflicts):
    """Write `duplicates.csv` and `conflicts.csv`; return their facts."""
    why = [set() for _ in entries]
    for one, two, reason in links:
        why[one].add(reason)
        why[two].add(reason)
    members = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    several = {group: rows for group, rows in members.items() if len(rows) > 1}
    duplicates, torn = [], []
    for group, rows in sorted(several.items()):
        for row in rows:
            duplicates.append((group, names[row], splits[row], ", ".join(sorted(why[row]))))
        if len({entries[row].genres for row in rows}) > 1:
            torn += [(group, names[row], _genres(entries[row]), "differ in group") for row in rows]
    torn += [
        (group, name, _genres(entry), "rows of the CSV differed; their genres are joined")
        for group, name, entry in zip(groups, names, entries, strict=True)
        if entry.name in conflicts
    ]
    header = ("group", "filename", "split", "why")
    write_csv(folder / "duplicates.csv", header, duplicates)
    write_csv(folder / "conflicts.csv", ("group", "filename", "genres", "why"), torn)
    return {
        "groups": len(members),
        "duplicates": {
            "groups": len(several),
            "posters": len(duplicates),
            "why": tally(
                reason for rows in several.values() for row in rows for reason in why[row]
            ),
            "largest_group": max(map(len, members.values())),
        },
        "conflicts": {"groups": len({row[0] for row in torn}), "posters": len(torn)},
    }


def _genres(entry):
    return "|".join(genre for genre in GENRES if genre in entry.genres)


def tally(values):
    """Count values, most frequent first."""
    return {str(value): count for value, count in Counter(values).most_common()}
