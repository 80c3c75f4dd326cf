"""From prepared posters to a run folder."""

import shutil
import time
from pathlib import Path

from keras_genres.data.changed import ready_posters
from keras_genres.data.table import load_posters, require_positives
from keras_genres.errors import UserError
from keras_genres.files import UNFINISHED, partial_of, whole_folder, write_text
from keras_genres.inference.load import load_network
from keras_genres.input.chance import steps_per_epoch
from keras_genres.locks import alone
from keras_genres.model.freezing import count_parameters
from keras_genres.runs import Run
from keras_genres.training.complete import complete, seal
from keras_genres.training.display import say
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.origin import Origin, origin_of, require_harmless
from keras_genres.training.prefix import PrefixCache
from keras_genres.training.stages import resolve
from keras_genres.training.train import require_tensorboard
from keras_genres.training.trainee import live_trainee

_SPACE_FACTOR = 15
"""Copies of the network a run has on the disk at most: three checkpoints of weights, two averages
of Adam and the best weights, and what it leaves in the end."""

_RANDOM = (
    "Note: the backbone has no pretrained weights, and no block of it is trained: it stays random. "
    "Give --weights, or raise training.epochs"
)


def fit(settings, data, out, overwrite=False, facts=None, start=None):
    """Fine-tune a backbone and write a run folder, whole or not at all.

    Trains in one or two stages, goes back to the epoch with the best
    validation macro F1, saves validation and test scores, chooses thresholds
    on validation, reports, and exports a SavedModel. What is cut off in the
    middle stays in `OUT.partial`, and `resume` goes on from there.

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
    begun = time.perf_counter()
    settings = resolve(settings)
    posters, left_out = _posters(settings, data)
    data = Path(data).resolve()
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        job = _build(settings, posters, start and start.path)
        _require_space(scratch, job.network)
        if start is None and _stays_random(job):
            say(_RANDOM)
        write_text(run.settings_file, job.settings.to_yaml())
        posters.split.save(run.split_file)
        origin = origin_of(
            job, data, left_out, facts, overwrite, start and str(Path(start.path).resolve())
        )
        origin.save(run.checkpoints)
        complete(job, run, origin, out, begun)
    return Run(out)


def resume(path, data=None, changes=None, allow=()):
    """Go on with a run that was cut off, so that it ends as if it was not.

    Args:
        path: The run folder that was to be made, or its `.partial`.
        data: The prepared folder, if it is not where it was any more.
        changes: `{"section.name": value}` of settings that are to be others;
            only those in `origin.HARMLESS` may be.
        allow: `versions` accepts other versions of Keras and its kin.

    Returns:
        The `Run`; at once if it was finished already.

    Raises:
        UserError: If there is nothing to go on with, or if settings, posters,
            weights or versions are not those the run began with.
    """
    out = Path(path)
    if out.name.endswith(".partial"):
        out = out.with_name(out.name.removesuffix(".partial"))
    state = state_of(out)
    if state == "finished":
        _require_asked(Run(out), data, changes)
        with alone(out):  # and nobody is at it
            pass
        say(f"{out} is finished; nothing is left to do")
        return Run(out)
    if state == "nothing":
        raise UserError(
            f"There is nothing to resume at {out}: no run was cut off there after it had begun."
        )
    origin = Origin.load(Run(partial_of(out)).checkpoints) if state == "begun" else None
    with whole_folder(out, overwrite=not origin or origin.overwrite, resume=True) as scratch:
        (scratch / ".keep").touch()
        if origin is None:
            seal(Run(scratch))
        else:
            _go_on(Run(scratch), origin, out, data, changes, allow)
    return Run(out)


def fit_or_resume(settings, data, out, facts=None, start=None):
    """Return the run at `out`: finished already, gone on with, or begun; as `fit` and `resume`."""
    if is_new(out):
        return fit(settings, data, out, facts=facts, start=start)
    return resume(out, data, settings.to_changes())


def state_of(out):
    """Return how far the run at `out` has come.

    Returns:
        `begun` if it can be resumed, `complete` if it only was not put in its
        place any more, `finished`, or `nothing`.
    """
    run = Run(partial_of(out))
    if Origin.is_in(run.checkpoints):
        return "begun"
    # The report is the last that is written, and the checkpoints go in one move.
    if run.model_file.exists() and run.report.exists() and not run.checkpoints.exists():
        return "complete"
    return "finished" if Run(out).environment_file.exists() else "nothing"


def is_new(out):
    """Whether nothing was begun at `out` that `resume` could go on with.

    What a process left there that was killed before training could begin is removed.
    """
    if state_of(out) != "nothing":
        return False
    left = partial_of(out)
    if (left / UNFINISHED).exists():
        with alone(out):
            shutil.rmtree(left)
    return True


def _go_on(run, origin, out, data, changes, allow):
    begun = time.perf_counter()
    data = Path(data or origin.data).resolve()
    settings = origin.resolved(changes)
    posters, left_out = _posters(settings, data, is_begun=True)
    job = _build(settings, posters, origin.start)
    now = origin_of(job, data, left_out, origin.facts, origin.overwrite, origin.start)
    origin.require_same(now, allow)
    # What was left to choose and is chosen otherwise on this machine stays as it was.
    job.settings = settings
    write_text(run.settings_file, settings.to_yaml())
    now.save(run.checkpoints)
    complete(job, run, now, out, begun)


def _require_asked(run, data, changes):
    """Refuse to take a finished run for one with other settings or of another split."""
    require_harmless(run.settings(), changes or {})
    if data is not None:
        split = load_posters(data).split
        left_out = run.environment().get("left_out")
        if not left_out:  # otherwise the run's split is that of the rest
            run.split().require_same(split, run.path, data)


def _posters(settings, data, is_begun=False):
    if settings.training.tensorboard:
        require_tensorboard()
    posters, left_out = ready_posters(data, settings.input, say, is_begun)
    require_positives(posters)
    return posters, left_out


def _build(settings, posters, start):
    job = build_job(settings, posters)
    if start is not None:
        begin_from(job, Run(start))
    return job


def begin_from(job, run):
    """Give a job's network the weights of a finished run.

    Args:
        job: The `Job`.
        run: The `Run`.

    Raises:
        UserError: If that run's network is another one.
    """
    weights = load_network(run.whole_model()).get_weights()
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
    posters, _ = _posters(settings, data)
    job = build_job(settings, posters)
    lines = [job.settings.to_yaml()] + [_RANDOM] * _stays_random(job)
    for stage in job.stages:
        job.open(stage)
        trained, total = count_parameters(job.network)
        lines.append(
            f"stage {stage.name}: epochs {stage.first_epoch + 1}-{stage.first_epoch + stage.epochs}"
            f", learning rate {stage.learning_rate:g}, {trained:,} of {total:,} parameters trained"
            + (f" (open: {', '.join(stage.blocks)})" if stage.blocks else "")
        )
    job.settings = job.settings.replace({"input.cache": "off"})
    sources = poster_sources(job)
    prefix = PrefixCache(job, sources, lines.append)
    prefix.find()
    prefix.choose()
    trainee = live_trainee(job, sources)
    job.compile(trainee.model, job.stages[-1].learning_rate)
    started = time.perf_counter()
    found = trainee.model.fit(trainee.batches(0), steps_per_epoch=1, shuffle=False, verbose=0)
    batch_size = settings.training.batch_size
    lines.append(
        f"one batch of {batch_size} posters: loss {found.history['loss'][0]:.4f}, "
        f"{time.perf_counter() - started:.1f} s with building the step; "
        f"{steps_per_epoch(len(sources['train']), batch_size)} batches an epoch; nothing written"
    )
    return "\n".join(lines)


def _stays_random(job):
    return job.settings.model.weights == "none" and not job.stages[-1].blocks


def _require_space(folder, network):
    needed = _SPACE_FACTOR * 4 * count_parameters(network)[1]
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The run needs about {needed / 1e6:.0f} MB, but {folder.parent} has only "
            f"{free / 1e6:.0f} MB left: free some space, or choose another --out."
        )
