"""A search for settings, on validation alone."""

import time
from pathlib import Path

from keras_genres.data.changed import ready_posters
from keras_genres.data.stamps import hash_contents
from keras_genres.data.table import require_positives
from keras_genres.errors import UserError
from keras_genres.locks import alone
from keras_genres.model.weights import weights_hash
from keras_genres.search.journal import Beginning, Journal, Trial, counted, search_versions
from keras_genres.search.results import Found, write_results
from keras_genres.search.space import default_space, read_space, to_plain
from keras_genres.search.study import ask, make_study, require_optuna
from keras_genres.search.trial import Failed, Pruned, Workshop
from keras_genres.training.display import format_seconds, say
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.stages import resolve

_FAILED_AT_FIRST = 3
"""Trials that may all fail before the fault must lie elsewhere."""


def search(settings, data, out, trials, space=None, measure="map", minutes=None, prune=True):
    """Try settings on validation and write what was found.

    A trial is trained as `fit` trains it and measured at the epoch `fit` would
    keep. Posters of the test are dropped before the first trial, so nothing of
    them is computed. Trial 1 is what the search begins with. All trials share
    `training.seed`, which is the search's, too.

    Args:
        settings: `Settings` that the search begins with.
        data: Folder that `data prepare` wrote.
        out: Folder of the search; one that is there is gone on with.
        trials: Trials there are to be in the end, with those of earlier calls.
        space: YAML file of the space; `None` for the built-in one.
        measure: Of `trial.MEASURES`.
        minutes: No trial is begun after so many; `None` for any time.
        prune: Whether trials below the median of the others are given up.

    Returns:
        The `Found`.

    Raises:
        UserError: For anything the user can mend. When it was interrupted, all
            but the trial under way is kept.
    """
    require_optuna()
    begun = time.monotonic()
    base = resolve(settings)
    space = default_space(base) if space is None else read_space(space, base)
    posters, _ = ready_posters(data, base.input, say)
    require_positives(posters)
    is_file = base.model.weights not in ("imagenet", "none")
    beginning = Beginning(
        settings=counted(settings, space),
        space=to_plain(space),
        measure=measure,
        prune=prune,
        split_sha256=posters.split.sha256,
        posters_sha256=hash_contents(posters.root),
        weights_sha256=weights_hash(base.model.weights) if is_file else None,
        versions=search_versions(),
    )
    out, is_interrupted = Path(out), False
    with alone(out), StopOnSignal() as stop:
        journal = Journal(out, beginning, say)
        frozen = 2 * base.training.batch_size
        workshop = Workshop(posters, measure, frozen, trials, out, stop)
        try:
            while len(journal.trials) < trials:
                if minutes is not None and time.monotonic() - begun > 60 * minutes:
                    say(f"{minutes:g} minutes are over")
                    break
                journal.add(_next(journal, space, settings, base, workshop, trials, prune))
                _require_some_success(journal)
        except KeyboardInterrupt:
            is_interrupted = True
        study = make_study(journal.trials, space, base.training.seed, prune)
        found = Found(journal.trials, space, settings, measure, study, posters.split.sha256)
        write_results(found, out)
    if is_interrupted:
        raise UserError(
            f"Interrupted; {len(journal.trials)} trials are kept in {out}. The same command goes "
            "on from there."
        )
    return found


def _next(journal, space, settings, base, workshop, trials, prune):
    """Try what the study asks for and return the `Trial`."""
    study = make_study(journal.trials, space, base.training.seed, prune)
    asked, params = ask(study, space, base.to_changes())
    number, by_epoch, begun = len(journal.trials) + 1, [], time.perf_counter()
    tried = " ".join(f"{name}={_short(value)}" for name, value in params.items())
    say(f"Trial {number}/{trials}: {tried}")

    def watch(epoch, value):
        by_epoch.append(value)
        asked.report(value, epoch)
        if asked.should_prune():
            raise Pruned

    state, value, best_epoch, note = "complete", None, None, ""
    try:
        value, best_epoch = workshop.run(settings.replace(params), watch)
    except Pruned:
        state, value = "pruned", by_epoch[-1]
    except Failed as error:
        state, note = "failed", str(error)
    seconds = time.perf_counter() - begun
    said = note if value is None else f"{workshop.measure} {value:.4f}"
    say(f"Trial {number}/{trials} {state} in {format_seconds(seconds)}: {said}")
    return Trial(state, params, value, by_epoch, best_epoch, round(seconds, 1), note)


def _require_some_success(journal):
    trials = journal.trials
    if len(trials) >= _FAILED_AT_FIRST and all(trial.state == "failed" for trial in trials):
        raise UserError(
            f"All of the first {len(trials)} trials failed, the last one: {trials[-1].note} Mend "
            "the space or the settings and begin with another --out."
        )


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
