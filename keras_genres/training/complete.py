"""All of a run that comes after its beginning: activations, training, scores, report, export."""

import contextlib
import shlex
import shutil

from keras_genres.artefact import metadata_of, write_metadata
from keras_genres.errors import UserError
from keras_genres.evaluation.report import write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import UNFINISHED, explain_os_error, read_sealed, write_json, write_sealed
from keras_genres.inference.export import export
from keras_genres.manifest import write_manifest
from keras_genres.model.freezing import count_parameters
from keras_genres.model.weights import weights_hash
from keras_genres.runs import Predictions
from keras_genres.training.display import say
from keras_genres.training.environment import describe_environment
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import plain_copy, poster_sources
from keras_genres.training.prefix import keep_frozen
from keras_genres.training.train import train

_CHECKED_POSTERS = 100
_DECIDED = "kept.json"
_DONE = ".done"


def complete(job, run, origin, out, begun):
    """Do all that is left of a run, from wherever it stands.

    Args:
        job: The `Job`, with the weights it began with.
        run: The `Run` in its scratch folder, with settings and split.
        origin: The `Origin`.
        out: Where the run folder will stand.
        begun: `time.perf_counter()` when this process began with it.

    Raises:
        UserError: For anything the user can mend, and when it was interrupted;
            it names the command to go on with.
    """
    sources = poster_sources(job)
    decided = run.checkpoints / _DECIDED
    with _told_how_to_resume(run, out), StopOnSignal() as stop:
        cuts = read_sealed(decided)["stages"] if decided.exists() else None
        prefix = keep_frozen(job, sources, stop, cuts)
        write_sealed(
            decided, {"stages": {stage.name: kept.cut for stage, kept in prefix.kept.items()}}
        )
        course, score = train(job, sources, prefix, run, stop, begun)
        save_results(job, score, run, stop)
        environment = describe_environment() | {
            "data": origin.data,
            "devices": job.device_count,
            "stages_on_kept_activations": [stage.name for stage in prefix.kept],
            "posters": {part: len(source) for part, source in sources.items()},
            "weights_sha256": _hash_of_weights(job.settings.model.weights),
            "parameters": count_parameters(job.network)[1],
            "best_epoch": course.early.best_epoch + 1,
            "seconds": round(course.seconds, 1),
            **_happened(course, origin),
            **origin.facts,
        }
        write_json(run.environment_file, environment)
        write_report(run, job.posters)  # the last, since it tells what the environment says
        stop.check()
        # A finished run has nothing to resume. In one move: half of it would look like a beginning.
        run.checkpoints.rename(run.path / _DONE)
        seal(run)


def _happened(course, origin):
    """Return what was not as in an ordinary run, for `environment.json`."""
    found = {}
    if course.resumed:
        found["resumed"] = [
            {"epoch": epoch + 1, "batches_done": step} for epoch, step in course.resumed
        ]
    if course.lowered:
        found["learning_rate_halved"] = course.lowered
    if course.job.accumulate > 1:
        found["batch_cut_in_parts"] = course.job.accumulate
    if origin.left_out:
        found["left_out"] = [{"filename": name, "what": what} for name, what in origin.left_out]
    return found


@contextlib.contextmanager
def _told_how_to_resume(run, out):
    """Keep what is there when the block fails, and say how to go on."""
    keep = run.path / ".keep"
    keep.touch()
    line = f"Go on with: keras-genres fit --resume {shlex.quote(str(out))}"
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(f"Interrupted; everything so far is kept. {line}") from None
    except UserError as error:
        if not any(run.checkpoints.glob("*.npz")):
            keep.unlink()  # nothing was trained: there is nothing to go on from
            raise
        raise UserError(f"{error} What was trained is kept. {line}") from error
    except BaseException as error:
        reason = explain_os_error(error)
        if reason:
            raise UserError(f"{reason} What was trained is kept. {line}") from error
        say(line)
        raise


def seal(run):
    """Remove what a run that is complete does not need any more, and write its hashes."""
    shutil.rmtree(run.path / _DONE, ignore_errors=True)
    for scratch in run.path.rglob(".*"):  # what a killed process was writing
        if scratch.is_file() and scratch.name not in (".keep", UNFINISHED):
            scratch.unlink()
    write_manifest(run.path)


def save_results(job, score, run, stop):
    """Save scores, thresholds, model and export of a trained job in its run."""
    save_scores(run, job.posters, lambda part: score(part, [stop]))
    sweep(run)
    stop.check()
    save_network(run, plain_copy(job))
    stop.check()
    save_export(run, job.posters.part("val").paths[:_CHECKED_POSTERS])
    stop.check()


def save_scores(run, posters, score):
    """Save validation and test scores.

    Args:
        run: The `Run` in the making.
        posters: `Posters` of both splits.
        score: Called with a split name; returns float32 scores `(posters, genres)`.
    """
    for part in ("val", "test"):
        rows = posters.part(part)
        Predictions(rows.filenames, rows.labels, score(part), rows.groups).save(
            run.predictions_file(part)
        )


def save_network(run, network):
    """Save a plain network, and what it tells about itself, in a run that has thresholds."""
    network.save(run.model_file)
    write_metadata(run.model_file, metadata_of(run))


def save_export(run, posters):
    """Export the saved network of a run as a SavedModel, compared with Keras on poster files."""
    _, parity = export(run, posters=posters)
    say(
        f"SavedModel: scores differ from Keras's by at most {parity.difference:.1e} on "
        f"{parity.posters} posters"
    )


def _hash_of_weights(weights):
    return None if weights in ("imagenet", "none") else weights_hash(weights)
