"""Which posters an export is checked on, and which set the scales of int8."""

import itertools
from pathlib import Path

import numpy as np

from keras_genres.data.quality import inspect
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.runs import Run

SAMPLE = 200
"""Training posters that set the scales of int8: more change them little."""
_LOOKED_AT = 3  # times as many files are looked at as are wanted
_KINDS = (".jpg", ".jpeg", ".png")


def check_posters(run, folder=None, limit=100):
    """Return poster files to check an export on.

    Args:
        run: The `Run`; the validation posters it was trained with are taken if
            they are still where they were. `None` for a model without one.
        folder: A folder of JPEG and PNG files to take instead.
        limit: Most files returned.

    Raises:
        UserError: If `folder` holds no readable JPEG or PNG file, or what the
            run says of its posters is not as it was written.
    """
    if folder is not None:
        found = _readable(_pictures(folder), limit)
        if not found:
            raise UserError(f"There is no readable JPEG or PNG file in {folder}.")
        return found
    data = run and run.environment().get("data")
    if not isinstance(data, str):
        return []
    return _readable((Path(data) / name for name in run.predictions("val").filenames), limit)


def sample_posters(run, limit=SAMPLE):
    """Return poster files that are like those a model will see, to set the scales of int8.

    Args:
        run: The `Run`; training posters of its prepared data are drawn by lot.
            `None` for a model without one.
        limit: Most files returned.

    Raises:
        UserError: If there are none.
    """
    wanted = "Name a folder of posters with --posters."
    data = run and run.environment().get("data")
    if not isinstance(data, str):
        raise UserError(f"int8 needs posters like those of training to set its scales. {wanted}")
    try:
        posters = load_posters(data)
    except UserError as error:
        raise UserError(
            f"int8 needs training posters of the run to set its scales: {error} {wanted}"
        ) from None
    if posters.split.sha256 != run.split().sha256:
        raise UserError(
            f"{data} is another split than the run was trained on: its training posters are not "
            f"taken to set the scales of int8. {wanted}"
        )
    paths = posters.part("train").paths
    drawn = np.random.default_rng(0).permutation(len(paths))[: _LOOKED_AT * limit]
    found = _readable((Path(paths[each]) for each in drawn), limit)
    if not found:
        raise UserError(f"None of the training posters of {data} can be read. {wanted}")
    return found


def choose_posters(model, folder=None, quantize=None):
    """Return the posters to check an export on, and those that set the scales of int8.

    Args:
        model: A `Run`, or the path of a `.keras` file, which knows no posters.
        folder: A folder of JPEG and PNG files to take instead. For int8 half
            of them are checked, and the others set the scales.
        quantize: `int8` for posters of the second kind.

    Raises:
        UserError: As `check_posters` and `sample_posters`.
    """
    run = model if isinstance(model, Run) else None
    if quantize != "int8":
        return check_posters(run, folder), []
    if folder is None:
        return check_posters(run), sample_posters(run)
    found = check_posters(run, folder, limit=2 * SAMPLE)
    return (found[::2][:100], found[1::2]) if len(found) > 1 else (found, found)


def _pictures(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _KINDS)


def _readable(paths, limit):
    """Return the first files that are plain posters: a run folder may name any file there is."""
    found = []
    for path in itertools.islice(paths, _LOOKED_AT * limit):
        seen = inspect(path)
        if seen.is_usable and not seen.oddities:
            found.append(path)
            if len(found) == limit:
                break
    return found
