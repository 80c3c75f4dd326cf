"""The posters behind a run, for what its scores alone cannot show."""

import os

from keras_genres.errors import UserError

DEFAULT_COLUMN = "year"
"""Column of the data that errors are sorted by when none is asked for."""


def find_posters(run, folder=None):
    """Return the posters a run was trained on, if they are still there.

    Args:
        run: The `Run`.
        folder: Prepared folder that must hold them; `None` for the one that
            `environment.json` names.

    Returns:
        `(posters, note)`: the `Posters`, or `None` and a line that says why not.

    Raises:
        UserError: If `folder` cannot be read or holds another split.
    """
    from keras_genres.data.table import load_posters

    if folder is not None:
        posters = load_posters(folder)
        run.split().require_same(posters.split, str(run.path), folder)
        return posters, None
    folder, split = run.environment().get("data"), run.split()
    without = "Sheets of posters and tables by column are left out; name the posters with --data."
    if not isinstance(folder, str) or not os.path.isdir(folder):
        said = f"{folder} is not there" if folder else "it does not say where they are"
        return None, f"The posters of {run.path} were not found: {said}. {without}"
    try:
        posters = load_posters(folder)
        split.require_same(posters.split, str(run.path), folder)
    except UserError as error:
        return None, f"{error} {without}"
    return posters, None


def choose_columns(posters, columns=None):
    """Return the columns of the data to sort errors by.

    Args:
        posters: `Posters`, or `None` where they were not found.
        columns: Names that were asked for; `None` or none for `year` where the data have it.

    Raises:
        UserError: If one is asked for that the data lack.
    """
    if not columns:
        has_default = posters is not None and DEFAULT_COLUMN in posters.extra
        return (DEFAULT_COLUMN,) if has_default else ()
    if posters is None:
        raise UserError("--by needs the posters the run was trained on. Name them with --data.")
    for name in columns:
        if name not in posters.extra:
            known = ", ".join(posters.extra) or "none"
            raise UserError(
                f"The data have no column {name!r}. Beside genres, split and group they have: "
                f"{known}."
            )
    return tuple(dict.fromkeys(columns))
