"""From a folder of posters to a checked table with splits: `data prepare`."""

import io
import os
import re
from array import array
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from keras_genres import __version__
from keras_genres.data.batches import map_files
from keras_genres.data.duplicates import components, same_pictures, stock_pictures
from keras_genres.data.extend import HeldOut, crossing
from keras_genres.data.findings import Findings
from keras_genres.data.groups import find_links, name_groups, tally, write_groups
from keras_genres.data.opening import Tree, Unusable
from keras_genres.data.quality import Inspection, examine
from keras_genres.data.readers import read_source
from keras_genres.data.splits import draw_splits, split_fractions
from keras_genres.data.stamps import Stamp, Stamps, write_stamps
from keras_genres.data.table import FACTS, escape, load_posters, write_csv, write_posters
from keras_genres.data.texts import Texts
from keras_genres.errors import UserError, is_printable, one_line
from keras_genres.files import whole_folder, write_json
from keras_genres.genres import GENRES
from keras_genres.setting_values import check_ranges
from keras_genres.settings import PrepareSettings
from keras_genres.split import SPLITS

COPIES = "converted"
"""Folder of plain copies in a prepared folder."""
_NAME = "name"  # the oddity of a file whose name alone is odd


@dataclass(frozen=True)
class Prepared:
    """A prepared folder."""

    folder: Path
    facts: dict
    """What `prepare.json` holds; `check.format_check` prints it."""

    @cached_property
    def posters(self):
        """The `Posters` as `load_posters` reads them back, at first use."""
        return load_posters(self.folder)


def prepare(
    source,
    out,
    settings=None,
    *,
    images=None,
    id_column=None,
    ignore_unknown=False,
    extend=None,
    overwrite=False,
    jobs=None,
):
    """Check, group and split posters, and write the folder that `fit` reads.

    `out` gets `multilabel_posters.csv` and `split.json`; `rejected.csv`,
    `duplicates.csv` and `conflicts.csv` for the user to look through;
    `converted/` with plain copies of odd files, and of files with names that
    no table can hold; `files.csv`, by which later changes are noticed; and
    `prepare.json`, which `data check` prints. It appears whole or not at all. The posters
    themselves stay where they are.

    Args:
        source: Folder of genre folders, or a CSV.
        out: Folder to write.
        settings: `PrepareSettings`; the defaults if `None`.
        images: Folder of a CSV's pictures.
        id_column: CSV column with the film's id.
        ignore_unknown: Leave out unknown genres instead of stopping.
        extend: Prepared folder whose validation and test posters stay so, while
            all others are for training; seed and shares of the settings do not
            count then. A poster that belongs to a group of one of them is left out.
        overwrite: Replace a prepared folder that is there.
        jobs: Posters decoded at a time; by default twice the CPU cores.

    Returns:
        A `Prepared`.

    Raises:
        UserError: If the source cannot be read, nothing in it is usable, or
            `out` is in the way.
    """
    settings = settings or PrepareSettings()
    check_ranges(settings, "prepare.")
    fractions = split_fractions(settings)
    source, out = Path(source), Path(out)
    jobs = jobs or 2 * (os.cpu_count() or 1)
    _guard(source, out, (images, extend), overwrite)
    held_out = HeldOut(extend) if extend is not None else None
    with whole_folder(out, overwrite) as scratch, closing(Stamps(scratch)) as stamps:
        found = read_source(
            source,
            images=images,
            id_column=id_column,
            ignore_unknown=ignore_unknown,
            follow_links=settings.follow_links,
            skip=(out, scratch),
            jobs=jobs,
        )
        facts = _fill(scratch, stamps, out, source, found, settings, fractions, jobs, held_out)
    return Prepared(out, facts)


def _fill(scratch, stamps, out, source, found, settings, fractions, jobs, held_out):
    """Write all files of a prepared folder into `scratch`; return its facts."""
    prefix = _prefix(found, out)
    rejected = [(one_line(name), reason, detail) for name, reason, detail in found.rejected]
    findings = Findings(scratch)
    try:
        usable = _inspect_all(found, settings, jobs, scratch, findings, stamps, rejected)
        entries = found.entries = found.entries.take(usable)
        _require_some(entries, rejected, source)
        firsts, pairs = same_pictures(findings.looks(), settings.near_duplicate_bits)
        keep = _leave_out_stock(scratch, entries, findings, firsts, pairs, settings, rejected)
        links = find_links(entries, findings.digests(), firsts, pairs, keep)
        if held_out is not None:
            digests = (stamps[row].sha256 for row in keep)
            given = held_out.find(entries.names.take(keep), digests)
            stays = _leave_out_crossing(
                scratch, entries, findings, keep, held_out, given, links, rejected
            )
            keep, given = keep[stays], given[stays]
            links = find_links(entries, findings.digests(), firsts, pairs, keep)
    finally:
        findings.close()
    entries = found.entries = entries.take(keep)
    _require_some(entries, rejected, source)
    joined = ((int(one), int(other)) for pairs in links.values() for one, other in pairs)
    groups = name_groups(entries, components(len(entries), joined))
    labels = entries.labels()
    seed, notes = settings.seed, []
    if held_out is None:
        splits = draw_splits(labels, groups.numbers, fractions, seed)
    else:
        seed, notes = held_out.split.seed, held_out.notes(given, source)
        splits = np.array(SPLITS)[given]
        fractions = {name: round(float((splits == name).mean()), 4) for name in SPLITS}
    kinds = [findings.kind(row) for row in keep]
    names = Texts(_name_in_table(*pair, prefix) for pair in zip(entries.names, kinds, strict=True))
    write_posters(
        scratch,
        names,
        labels,
        splits,
        groups.of_posters(),
        seed,
        fractions,
        entries.extra,
    )
    files_sha256 = write_stamps(scratch, names, (stamps[row] for row in keep))
    write_csv(scratch / "rejected.csv", ("filename", "reason", "detail"), sorted(rejected))
    together = write_groups(scratch, names, entries, splits, groups, links)
    widths, heights = findings.sizes()[keep].T
    facts = {
        "tool_version": __version__,
        "source": {
            "path": one_line(source),
            "kind": found.kind,
            "images": one_line(found.images),
        },
        "settings": asdict(settings),
        "posters": len(entries),
        "genres_per_poster": tally(labels.sum(axis=1).tolist()),
        "width": _spread(widths),
        "height": _spread(heights),
        "formats": tally(kind for kind, _ in kinds),
        "converted": tally(" ".join(oddities) for _, oddities in kinds if oddities),
        "rejected": tally(reason for _, reason, _ in rejected),
        "ignored_genres": dict(sorted(found.ignored.items())),
        **together,
        "files_sha256": files_sha256,
        **({"extends": held_out.split.sha256} if held_out else {}),
        "notes": [*map(one_line, [*found.notes, *notes]), *_warnings(labels, splits, groups)],
    }
    write_json(scratch / FACTS, facts)
    return facts


def _guard(source, out, others, overwrite):
    """Refuse to write over what is read, or over a folder that is not ours."""
    here = Path(os.path.realpath(out))
    for read in filter(None, (source, *others)):
        read = Path(os.path.realpath(read))
        if here == read or here in read.parents:
            raise UserError(f"--out {out} holds {read}, which is read. Choose another --out.")
    if not source.exists():
        raise UserError(f"There is no {source}. Give a folder of genre folders, or a CSV.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Choose another --out.")
    if overwrite and out.is_dir() and any(out.iterdir()) and not (out / FACTS).exists():
        raise UserError(
            f"{out} holds other things than prepared posters and is not overwritten. "
            "Choose another --out."
        )


def _require_some(entries, rejected, source):
    if not len(entries):
        is_elsewhere = any(reason == "missing" for _, reason, _ in rejected)
        hint = " Say where the pictures are with --images." if is_elsewhere else ""
        raise UserError(f"No poster of {source} can be used: {_reasons(rejected)}.{hint}")


def _inspect_all(found, settings, jobs, scratch, findings, stamps, rejected):
    """Look at every file once, and copy odd ones.

    Returns:
        Indices of the usable entries, which are now in `findings` and `stamps`.
    """
    usable = array("q")
    (scratch / COPIES).mkdir()
    tree = Tree(found.images, settings.follow_links)
    look = partial(_look, tree, scratch, settings.max_megapixels)
    entries = found.entries
    wanted = zip(entries.names, entries.genres, strict=True)
    seen = map_files(look, wanted, jobs, len(entries), "Checking", "poster")
    for row, (inspection, stamp) in enumerate(seen):
        reason, detail = inspection.reason, inspection.detail
        if not reason and not entries.genres[row]:
            reason, detail = "no genre", "no known genre is given"
        if reason:
            rejected.append((one_line(entries.names[row]), reason, detail))
        else:
            usable.append(row)
            findings.append(inspection)
            stamps.append(stamp)
    return np.array(usable, dtype=np.int64)


def _look(tree, scratch, max_megapixels, poster):
    """Return the `Inspection` of `(name, genres)`, and the `Stamp` of what training will read."""
    name, genres = poster
    try:
        path = tree.path_of(name)
    except Unusable as error:
        return Inspection(*error.args), None
    with examine(path, max_megapixels) as (found, picture, data):
        if not found.is_usable or not genres:
            return found, None
        if not _fits_in_table(name):
            found = replace(found, oddities=(*found.oddities, _NAME))
        if not found.oddities:
            return found, Stamp(found.size, found.mtime_ns, found.sha256)
        if found.oddities != (_NAME,):
            data = plain_copy(picture)
        copy = scratch / _copy_name(name, (found.format, found.oddities))
        copy.write_bytes(data)
    seen = copy.stat()
    return found, Stamp(seen.st_size, seen.st_mtime_ns, sha256(data).hexdigest())


def plain_copy(picture):
    """Return an RGB picture as the bytes of a PNG that every decoder reads alike."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _leave_out_crossing(scratch, entries, findings, keep, held_out, given, links, rejected):
    """Leave out posters that belong to one of another split; return which of `keep` stay."""
    crosses = crossing(given, links)
    for place in np.flatnonzero(crosses):
        name = entries.names[keep[place]]
        _remove_copy(scratch, name, findings.kind(keep[place]))
        split = SPLITS[crosses[place]]
        detail = f"of one film or picture with a {split} poster of {one_line(held_out.folder)}"
        rejected.append((one_line(name), "held out", detail))
    _remove_empty(scratch)
    return crosses == 0


def _leave_out_stock(scratch, entries, findings, firsts, pairs, settings, rejected):
    """Return the indices of the entries that show no stock picture; remove copies of the others."""
    films = map(entries.films_or_name, range(len(entries)))
    shared = stock_pictures(firsts, pairs, films, settings.stock_films)
    for index in np.flatnonzero(shared):
        name = entries.names[index]
        _remove_copy(scratch, name, findings.kind(index))
        detail = f"{shared[index]} films share this picture"
        rejected.append((one_line(name), "stock picture", detail))
    _remove_empty(scratch)
    return np.flatnonzero(shared == 0)


def _remove_copy(scratch, name, kind):
    if kind[1]:
        (scratch / _copy_name(name, kind)).unlink()


def _remove_empty(scratch):
    with suppress(OSError):  # unless there are copies in it
        (scratch / COPIES).rmdir()


def _prefix(found, out):
    """Return the path of the pictures as the table names it, from its own folder."""
    images = os.path.realpath(found.images)
    base = Path(os.path.realpath(out.parent)) / out.name
    # It begins with a point, so that no spreadsheet takes a name for a formula.
    prefix = Path(os.path.relpath(images, base)).as_posix()
    try:
        prefix.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"The path {prefix} of the pictures is no UTF-8 text. Rename the folder."
        ) from None
    return prefix


def _name_in_table(name, kind, prefix):
    return _copy_name(name, kind) if kind[1] else f"{prefix}/{name}"


def _copy_name(name, kind):
    """Return the name of the copy of an odd file, which is plain whatever the file's own is."""
    form, oddities = kind
    ending = "jpg" if oddities == (_NAME,) and form == "JPEG" else "png"
    stem = re.sub(r"[^\w.-]+", "_", os.path.splitext(name)[0])[-50:]
    digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{COPIES}/{stem}-{digest}.{ending}"


def _fits_in_table(name):
    """Whether a name is UTF-8 text that a table, a terminal and a spreadsheet show as it is."""
    return is_printable(name) and escape(f"./{name}") == f"./{name}"


def _warnings(labels, splits, groups):
    notes = []
    for split in SPLITS:
        counts = labels[splits == split].sum(axis=0)
        absent = [genre for genre, count in zip(GENRES, counts, strict=True) if count == 0]
        if absent:
            notes.append(f"No poster in {split} has the genre {', '.join(absent)}.")
    sizes = np.bincount(groups.numbers)[groups.numbers]
    first = int(np.argmax(sizes))
    if sizes[first] > max(10, len(sizes) / 100):
        group = groups.names[groups.numbers[first]]
        notes.append(
            f"The group {group} has {sizes[first]} posters: see in duplicates.csv whether they "
            "belong together. An id column that is none, or pictures that look alike, make such "
            "groups."
        )
    return notes


def _spread(values):
    low, middle, high = np.quantile(values, (0, 0.5, 1)).astype(int).tolist()
    return {"min": low, "median": middle, "max": high}


def _reasons(rejected):
    counts = tally(reason for _, reason, _ in rejected)
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "there are none"
