"""Which experiments are done, and what came out."""

from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.evaluation.compare.facts import clean
from keras_genres.experiments.table import find_experiments
from keras_genres.files import parse_json
from keras_genres.files import partial_of as partial_path
from keras_genres.locks import is_in_use
from keras_genres.plain_files import HASHES
from keras_genres.runs import Run
from keras_genres.split import Split


def state_of(experiment, order):
    """Return `done`, `running`, `cut off` or `to do`.

    Raises:
        UserError: If it was done on another split or with another cut.
    """
    out = order.path(experiment.name)
    run = Run(out)
    if _is_done(run):
        _require_same_cut(run, experiment, order)
        return "done"
    return _unfinished_state(out)


def _unfinished_state(out):
    if is_in_use(out):
        return "running"
    return "cut off" if partial_path(out).exists() else "to do"


def _require_same_cut(run, experiment, order):
    """Refuse to take a run for done that was made of other posters or with other settings."""
    found, asked = run.environment().get("cut", ""), order.cut_of(experiment)
    if run.has(run.split_file):
        wanted = Split.load(order.posters_folder() / "split.json")
        if wanted.sha256 != run.split().sha256:
            raise UserError(
                f"{run.path} is of another split than the one asked for: "
                f"{run.split().difference(wanted)}. Choose another --out, or remove it."
            )
    if found != asked:
        raise UserError(
            f"{run.path} was made with {_said(found)}, and {_said(asked)} is asked for. "
            "Choose another --out, or remove it."
        )


def _said(cut):
    return f"the cut {cut!r}" if cut else "no cut"


def partial_of(out):
    """Return the `Run` that an interrupted one left beside `out`."""
    return Run(partial_path(out))


def epochs_of(run):
    """Return how many epochs the history of a run has."""
    if not run.has(run.history_file):
        return 0
    return max(0, len(run.read(run.history_file).splitlines()) - 1)


def status(out, folder=None):
    """Return a row for every experiment, and one more for each further seed.

    Args:
        out: Folder of the run folders.
        folder: Folder of the experiment files; `None` for the usual place.

    Returns:
        List of dictionaries with `experiment`, `state`, `epochs`, `minutes`,
        `val_macro_f1`, `test_macro_f1` and `cut`; empty text where nothing is known.
    """
    return [_row(run) for name in find_experiments(folder) for run in _runs_of(name, Path(out))]


def _runs_of(name, out):
    """Return the run of an experiment and those of other seeds."""
    seeds = [path for path in out.glob(f"{name}-seed*") if _is_seed(path, name)]
    return [Run(out / name), *map(Run, sorted(seeds))]


def _is_done(run):
    return run.environment_file.exists() or (run.path / HASHES).exists()


def _score(run, file):
    """Return the tuned macro F1 of a report's summary; `None` where it tells none."""
    if not run.has(file):
        return None
    found = parse_json(run.read(file), file, is_strict=True)
    try:
        return found["measures"]["tuned"]["macro_f1"]
    except (KeyError, TypeError):
        return None


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_seed(path, name):
    return path.name.removeprefix(f"{name}-seed").isdigit()


def _row(run):
    names = ("state", "epochs", "minutes", "val_macro_f1", "test_macro_f1", "cut")
    row = {"experiment": run.path.name} | dict.fromkeys(names, "") | {"state": "to do"}
    partial = partial_of(run.path)
    if _is_done(run):
        found = run.environment()
        row |= {"state": "done", "epochs": epochs_of(run) or "", "cut": clean(found.get("cut"))}
        if _is_number(found.get("seconds")):
            row["minutes"] = f"{found['seconds'] / 60:.1f}"
        for split in ("val", "test"):
            score = _score(run, run.report / f"{split}.json")
            if _is_number(score):
                row[f"{split}_macro_f1"] = f"{score:.3f}"
    else:
        row |= {"state": _unfinished_state(run.path), "epochs": epochs_of(partial) or ""}
    return row
