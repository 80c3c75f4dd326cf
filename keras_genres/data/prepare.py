"""From a folder of posters to a checked table with splits: `data prepare`."""

import os
import re
from array import array
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from keras_genres import __version__
from keras_genres.data.batches import map_files
from keras_genres.data.duplicates import components, same_pictures, stock_pictures
from keras_genres.data.findings import Findings
from keras_genres.data.groups import find_links, name_groups, tally, write_groups
from keras_genres.data.quality import inspect, load_picture
from keras_genres.data.readers import read_source
from keras_genres.data.splits import draw_splits, split_fractions
from keras_genres.data.table import FACTS, load_posters, write_csv, write_posters
from keras_genres.data.texts import Texts
from keras_genres.errors import UserError
from keras_genres.files import whole_folder, write_json
from keras_genres.genres import GENRES
from keras_genres.setting_values import check_ranges
from keras_genres.settings import PrepareSettings
from keras_genres.split import SPLITS


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
    overwrite=False,
    jobs=None,
):
    """Check, group and split posters, and write the folder that `fit` reads.

    `out` gets `multilabel_posters.csv` and `split.json`; `rejected.csv`,
    `duplicates.csv` and `conflicts.csv` for the user to look through;
    `converted/` with plain copies of odd files; and `prepare.json`, which
    `data check` prints. It appears whole or not at all. The posters
    themselves stay where they are.

    Args:
        source: Folder of genre folders, or a CSV.
        out: Folder to write.
        settings: `PrepareSettings`; the defaults if `None`.
        images: Folder of a CSV's pictures.
        id_column: CSV column with the film's id.
        ignore_unknown: Leave out unknown genres instead of stopping.
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
    _guard(source, out, images, overwrite)
    with whole_folder(out, overwrite) as scratch:
        found = read_source(
            source,
            images=images,
            id_column=id_column,
            ignore_unknown=ignore_unknown,
            skip=(out, scratch),
            jobs=jobs,
        )
        facts = _fill(scratch, out, source, found, settings, fractions, jobs)
    return Prepared(out, facts)


def _fill(scratch, out, source, found, settings, fractions, jobs):
    """Write all files of a prepared folder into `scratch`; return its facts."""
    rejected = [(_text(name), reason, detail) for name, reason, detail in found.rejected]
    findings = Findings(scratch)
    try:
        usable = _inspect_all(found, settings, jobs, findings, rejected)
        entries = found.entries = found.entries.take(usable)
        _require_some(entries, rejected, source)
        firsts, pairs = same_pictures(findings.looks(), settings.near_duplicate_bits)
        keep = _leave_out_stock(entries, firsts, pairs, settings, rejected)
        links = find_links(entries, findings.digests(), firsts, pairs, keep)
    finally:
        findings.close()
    entries = found.entries = entries.take(keep)
    _require_some(entries, rejected, source)
    joined = ((int(one), int(other)) for pairs in links.values() for one, other in pairs)
    groups = name_groups(entries, components(len(entries), joined))
    labels = entries.labels()
    splits = draw_splits(labels, groups.numbers, fractions, settings.seed)
    kinds = [findings.kind(row) for row in keep]
    names = _convert(found, kinds, scratch, out, settings, jobs)
    write_posters(
        scratch,
        names,
        labels,
        splits,
        groups.of_posters(),
        settings.seed,
        fractions,
        entries.extra,
    )
    write_csv(scratch / "rejected.csv", ("filename", "reason", "detail"), sorted(rejected))
    together = write_groups(scratch, names, entries, splits, groups, links)
    widths, heights = findings.sizes()[keep].T
    facts = {
        "tool_version": __version__,
        "source": {"path": str(source), "kind": found.kind, "images": str(found.images)},
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
        "notes": [*map(_text, found.notes), *_warnings(labels, splits, groups)],
    }
    write_json(scratch / FACTS, facts)
    return facts


def _guard(source, out, images, overwrite):
    """Refuse to write over what is read, or over a folder that is not ours."""
    here = Path(os.path.realpath(out))
    for read in filter(None, (source, images)):
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


def _inspect_all(found, settings, jobs, findings, rejected):
    """Look at every file once; return the indices of the usable entries, now in `findings`."""
    usable = array("q")
    look = partial(inspect, max_megapixels=settings.max_megapixels)
    entries = found.entries
    paths = (found.images / name for name in entries.names)
    seen = map_files(look, paths, jobs, len(entries), "Checking", "poster")
    for row, inspection in enumerate(seen):
        name, reason, detail = entries.names[row], inspection.reason, inspection.detail
        if not reason and not entries.genres[row]:
            reason, detail = "no genre", "no known genre is given"
        if not reason and not _is_text(name):
            reason, detail = "name not UTF-8", "rename the file"
        if reason:
            rejected.append((_text(name), reason, detail))
        else:
            usable.append(row)
            findings.append(inspection)
    return np.array(usable, dtype=np.int64)


def _leave_out_stock(entries, firsts, pairs, settings, rejected):
    """Return the indices of the entries that show no stock picture."""
    films = map(entries.films_or_name, range(len(entries)))
    shared = stock_pictures(firsts, pairs, films, settings.stock_films)
    for index in np.flatnonzero(shared):
        detail = f"{shared[index]} films share this picture"
        rejected.append((entries.names[index], "stock picture", detail))
    return np.flatnonzero(shared == 0)


def _convert(found, kinds, scratch, out, settings, jobs):
    """Write plain copies of odd files; return every poster's name in the table, `Texts`."""
    images = os.path.realpath(found.images)
    base = Path(os.path.realpath(out.parent)) / out.name
    prefix = Path(os.path.relpath(images, base)).as_posix()
    names, odd = Texts(), array("q")
    for row, (name, (_, oddities)) in enumerate(zip(found.entries.names, kinds, strict=True)):
        if oddities:
            stem = re.sub(r"[^\w.-]+", "_", os.path.splitext(name)[0])[-60:]
            digest = sha256(name.encode()).hexdigest()[:8]
            names.append(f"converted/{stem}-{digest}.png")
            odd.append(row)
        else:
            # "./" keeps a spreadsheet from taking a name for a formula.
            names.append(f"./{name}" if prefix == "." else f"{prefix}/{name}")
    if odd:
        (scratch / "converted").mkdir()
        save = partial(_save_plain, max_megapixels=settings.max_megapixels)
        pairs = ((found.images / found.entries.names[row], scratch / names[row]) for row in odd)
        for _ in map_files(save, pairs, jobs, len(odd), "Converting", "poster"):
            pass
    return names


def _save_plain(pair, max_megapixels):
    path, copy = pair
    load_picture(path, max_megapixels).save(copy, "PNG")


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


def _is_text(name):
    return _text(name) == name


def _text(name):
    return name.encode("utf-8", "backslashreplace").decode()
