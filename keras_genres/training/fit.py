"""From prepared posters to a run folder."""

import shutil
import time
from pathlib import Path

import keras

from keras_genres.artefact import metadata_of, write_metadata
from keras_genres.data.table import load_posters, require_positives
from keras_genres.errors import UserError
from keras_genres.evaluation.report import write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import whole_folder, write_json, write_text
from keras_genres.inference.export import export
from keras_genres.input.cache import fingerprint
from keras_genres.input.pipeline import steps_per_epoch
from keras_genres.model.freezing import count_parameters
from keras_genres.model.weights import weights_hash
from keras_genres.runs import Predictions, Run
from keras_genres.training.display import say
from keras_genres.training.environment import describe_environment
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, plain_copy, poster_sources
from keras_genres.training.prefix import PrefixCache, keep_frozen
from keras_genres.training.stages import resolve
from keras_genres.training.train import require_tensorboard, train
from keras_genres.training.trainee import live_trainee

_CHECKED_POSTERS = 100
_SPACE_FACTOR = 4  # best weights, model.keras, SavedModel and the scratch of one of them


def fit(settings, data, out, overwrite=False, facts=None, start=None):
    """Fine-tune a backbone and write a run folder, whole or not at all.

    Trains in one or two stages, goes back to the epoch with the best
    validation macro F1, saves validation and test scores, chooses thresholds
    on validation, reports, and exports a SavedModel. When it is interrupted
    after an epoch, the best weights and the history stay in `OUT.partial`.

    Args:
        settings: `Settings`; what is empty is filled for the backbone.
        data: Folder that `data prepare` wrote.
        out: Run folder to make.
        overwrite: Replace a run folder that is there.
        facts: More to be said of the run in `environment.json`: `experiment`, its
            `title` in tables, and how it was `cut` to size.
        start: A finished `Run` of the same network whose weights training begins with.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    started = time.perf_counter()
    settings = resolve(settings)
    if settings.training.tensorboard:
        require_tensorboard()
    posters = load_posters(data)
    require_positives(posters)
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        job = build_job(settings, posters)
        if start is not None:
            begin_from(job, start)
        _require_space(scratch, job.network)
        write_text(run.settings_file, job.settings.to_yaml())
        posters.split.save(run.split_file)
        sources = poster_sources(job)
        with StopOnSignal() as stop:
            prefix = keep_frozen(job, sources, stop)
            early, score = train(job, sources, prefix, run, stop)
        _finish(job, score, run, early)
        environment = describe_environment() | {
            "data": str(Path(data).resolve()),
            "devices": job.device_count,
            "stages_on_kept_activations": [stage.name for stage in prefix.kept],
            "posters": {part: len(source) for part, source in sources.items()},
            "weights_sha256": _hash_of_weights(job.settings.model.weights),
            "parameters": count_parameters(job.network)[1],
            "best_epoch": early.best_epoch + 1,
            "seconds": round(time.perf_counter() - started, 1),
            **(facts or {}),
        }
        write_json(run.environment_file, environment)
        write_report(run, posters)  # the last, since it tells what the environment says
    return Run(out)


def begin_from(job, run):
    """Give a job's network the weights of a finished run.

    Args:
        job: The `Job`.
        run: The `Run`.

    Raises:
        UserError: If that run's network is another one.
    """
    weights = keras.models.load_model(run.model_file).get_weights()
    wanted = [array.shape for array in job.network.get_weights()]
    if [array.shape for array in weights] != wanted:
        raise UserError(f"{run.model_file} is another network than {job.network.name}.")
    job.network.set_weights(weights)


def dry_run(settings, data):
    """Show what `fit` would do, and train on one batch.

    Args:
        settings: `Settings`.
        data: Folder that `data prepare` wrote.

    Returns:
        Text: resolved settings, parameters trained in each stage, one batch.
    """
    settings = resolve(settings)
    posters = load_posters(data)
    require_positives(posters)
    job = build_job(settings, posters)
    lines = [job.settings.to_yaml()]
    for stage in job.stages:
        job.open(stage)
        trained, total = count_parameters(job.network)
        lines.append(
            f"stage {stage.name}: epochs {stage.first_epoch + 1}-{stage.first_epoch + stage.epochs}"
            f", learning rate {stage.learning_rate:g}, {trained:,} of {total:,} parameters trained"
            + (f" (open: {', '.join(stage.blocks)})" if stage.blocks else "")
        )
    fingerprint(posters.paths)  # names posters that are no longer there
    job.settings = job.settings.replace({"input.cache": "off"})
    sources = poster_sources(job)
    prefix = PrefixCache(job, sources, lines.append)
    prefix.find()
    prefix.choose()
    trainee = live_trainee(job, sources)
    job.compile(trainee.model, job.stages[-1].learning_rate)
    started = time.perf_counter()
    found = trainee.model.fit(trainee.batches, steps_per_epoch=1, shuffle=False, verbose=0)
    batch_size = settings.training.batch_size
    lines.append(
        f"one batch of {batch_size} posters: loss {found.history['loss'][0]:.4f}, "
        f"{time.perf_counter() - started:.1f} s with building the step; "
        f"{steps_per_epoch(len(sources['train']), batch_size)} batches an epoch; nothing written"
    )
    return "\n".join(lines)


def _finish(job, score, run, early):
    """Save scores, thresholds, model and export."""
    for part in ("val", "test"):
        rows = job.posters.part(part)
        Predictions(rows.filenames, rows.labels, score(part), rows.groups).save(
            run.predictions_file(part)
        )
    shutil.rmtree(run.checkpoints)  # a finished run has nothing to resume
    sweep(run)
    plain_copy(job).save(run.model_file)
    write_metadata(run.model_file, metadata_of(run))
    checked = job.posters.part("val").paths[:_CHECKED_POSTERS]
    _, difference, count = export(run, posters=checked)
    say(f"SavedModel: scores differ from Keras's by at most {difference:.1e} on {count} posters")


def _hash_of_weights(weights):
    return None if weights in ("imagenet", "none") else weights_hash(weights)


def _require_space(folder, network):
    needed = _SPACE_FACTOR * 4 * count_parameters(network)[1]
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The run needs about {needed / 1e6:.0f} MB, but {folder.parent} has only "
            f"{free / 1e6:.0f} MB left: free some space, or choose another --out."
        )
