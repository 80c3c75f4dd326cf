"""A baseline from prepared posters to a run folder."""

import sys
import time
from pathlib import Path

import yaml

from keras_genres.baselines.table import BASELINES
from keras_genres.data.changed import ready_posters
from keras_genres.data.table import load_posters, require_positives
from keras_genres.errors import UserError
from keras_genres.files import whole_folder, write_json, write_text
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.setting_values import explain_near

CNN = "cnn"
_NETWORK = {"model.backbone": "smallcnn", "model.weights": "none", "training.unfreeze": "all"}


def baseline(name, settings, data, out, overwrite=False, facts=None, note=None, **options):
    """Run a baseline on prepared posters and write a run folder, whole or not at all.

    The folder is that of `fit`, without history and models (`cnn` has both).
    Hyperparameters and thresholds are chosen on validation. The two label
    priors have scores of 0 and 1 and fixed thresholds of 0.5: see `priors`.

    Args:
        name: A name in `table.BASELINES`.
        settings: `Settings`, as `Baseline.settings` resolves them; `None` for the
            baseline's own. What does not count for it is not looked at.
        data: Folder that `data prepare` wrote.
        out: Run folder to make.
        overwrite: Replace a run folder that is there.
        facts: More to be said of the run in `environment.json`.
        note: Called with each line that says what is done; by default it goes to stderr.
        **options: `measure` of `constant`: see `priors.best_constant_set`.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    if name not in BASELINES:
        raise UserError(
            f"There is no baseline {name!r}.{explain_near(name, BASELINES)} "
            "`keras-genres baseline --help` lists them all."
        )
    row = BASELINES[name]
    settings = settings or row.settings()
    about = {"title": row.title, "kind": "baseline", "baseline": name}
    if row.features in ("frozen", "pixels"):
        from keras_genres.training.start import start_keras

        start_keras()
    if name == CNN:
        from keras_genres.training.fit import fit

        about["features"] = "pixels"
        return fit(settings.replace(_NETWORK), data, out, overwrite, about | (facts or {}))

    from keras_genres.baselines.methods import METHODS
    from keras_genres.evaluation.report import write_report
    from keras_genres.evaluation.thresholds import save_fixed, sweep

    started = time.perf_counter()
    if row.features:
        posters, left_out = ready_posters(data, settings.input, note)
    else:
        posters, left_out = load_posters(data), []  # it looks at labels alone
    require_positives(posters)
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        found = METHODS[name](settings, posters, note or _say, **options)
        write_text(run.settings_file, _settings_text(row, found.settings))
        posters.split.save(run.split_file)
        for split, scores in found.scores.items():
            rows = posters.part(split)
            Predictions(rows.filenames, rows.labels, scores, rows.groups).save(
                run.predictions_file(split)
            )
        if found.has_fixed_picks:
            save_fixed(run, "train")
        else:
            sweep(run)
        facts = dict(facts or {})
        if facts.get("title") == row.title:
            del facts["title"]  # which backbone or which measure it was says more
        environment = _environment(row) | {
            **about,
            **found.facts,
            "data": str(Path(data).resolve()),
            "posters": {split: len(posters.part(split)) for split in ("train", *found.scores)},
            "seconds": round(time.perf_counter() - started, 1),
            **facts,
        }
        if left_out:
            environment["left_out"] = [{"filename": name, "what": what} for name, what in left_out]
        write_json(run.environment_file, environment)
        write_report(run, posters)  # the last, since it tells what the environment says
        write_manifest(run.path)
    return Run(out)


def _settings_text(row, settings):
    """Return as YAML the settings that count: the others would speak of what was not done."""
    kept = {}
    for section, values in settings.to_dict().items():
        taken = {key: value for key, value in values.items() if row.takes(f"{section}.{key}")}
        if taken:
            kept[section] = taken
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)


def _environment(row):
    """Describe the machine; Keras is only imported for what was computed with it."""
    from keras_genres.training.environment import describe_environment, describe_machine

    return describe_environment() if row.features == "frozen" else describe_machine()


def _say(line):
    print(line, file=sys.stderr)
