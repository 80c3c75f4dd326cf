"""Optuna: what to try next, when to give a trial up, and which settings mattered.

The study lives in memory and is made anew from the trials that are recorded,
and a sampler's chance is a function of (seed, trial). So a search that was cut
off asks for what it would have asked for, and no file of Optuna's is read.

Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"
(TPE); Golovin et al. 2017, "Google Vizier" (the median rule); Watanabe et al.
2023, "PED-ANOVA", arXiv:2304.10255 (importances).
"""

import importlib.util
import warnings

import numpy as np

from keras_genres.errors import UserError
from keras_genres.search.space import Choice, counts

_RANDOM_TRIALS = 8
"""Trials at random before TPE has something to go by."""
_UNPRUNED_TRIALS = 5
"""Whole trials before a median says much."""
TOLD_TRIALS = 5
"""Whole trials with different values from which importances are told."""
_UNPRUNED_EPOCHS = 3
"""Epochs in which a lower rate only begins more slowly."""


def require_optuna():
    """Check that Optuna is there, before anything is spent.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UserError("A search needs Optuna: pip install 'keras-genres[search]'")


def make_study(trials, space, seed, prune=True):
    """Return the Optuna study of recorded trials.

    Args:
        trials: `Trial`s in order.
        space: As `read_space` gives it.
        seed: Seed of the sampler; with the number of the next trial.
        prune: Whether a trial below the median of the others is given up.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chance = np.random.SeedSequence([seed, len(trials)]).generate_state(1)
    pruner = optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, _UNPRUNED_EPOCHS)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(n_startup_trials=_RANDOM_TRIALS, seed=int(chance[0])),
        pruner=pruner if prune else optuna.pruners.NopPruner(),
    )
    states = {
        "complete": optuna.trial.TrialState.COMPLETE,
        "pruned": optuna.trial.TrialState.PRUNED,
        "failed": optuna.trial.TrialState.FAIL,
    }
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=states[trial.state],
                value=trial.value if trial.state == "complete" else None,
                params=trial.params,
                distributions={name: _distribution(space[name]) for name in trial.params},
                intermediate_values=dict(enumerate(trial.by_epoch)),
            )
        )
    return study


def ask(study, space, values):
    """Ask for the next trial; the first is what the search begins with.

    Args:
        study: The study.
        space: As `read_space` gives it.
        values: `{"section.name": value}` of the settings that the search begins with.

    Returns:
        Optuna's trial, and the `{"section.name": value}` that it is to try. A
        setting that would not count beside the others is not among them, nor, in
        the first trial, one that the space does not hold.
    """
    is_first = not study.trials
    if is_first:
        inside = {name: values[name] for name, part in space.items() if part.holds(values[name])}
        study.enqueue_trial(inside)
    trial, chosen = study.ask(), {}
    for name, part in space.items():  # what others hang on comes first
        if counts(name, values | chosen) and not (is_first and name not in inside):
            chosen[name] = _suggest(trial, name, part)
    return trial, chosen


def importances(study):
    """Return the share of each setting in how values differ; empty where too few are known."""
    from optuna.importance import get_param_importances

    complete = [trial for trial in study.trials if trial.value is not None]
    if len({trial.value for trial in complete}) < TOLD_TRIALS:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a setting which seldom counts is known badly
        return {name: float(share) for name, share in get_param_importances(study).items()}


def _suggest(trial, name, part):
    if isinstance(part, Choice):
        return trial.suggest_categorical(name, part.values)
    if part.is_whole:
        return trial.suggest_int(name, part.low, part.high, step=part.step or 1, log=part.log)
    return trial.suggest_float(name, part.low, part.high, step=part.step, log=part.log)


def _distribution(part):
    from optuna import distributions

    if isinstance(part, Choice):
        return distributions.CategoricalDistribution(part.values)
    if part.is_whole:
        return distributions.IntDistribution(part.low, part.high, part.log, part.step or 1)
    return distributions.FloatDistribution(part.low, part.high, part.log, part.step)
