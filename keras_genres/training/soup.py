"""The mean of the weights of finished runs: one network, at the cost of one."""

import time
from pathlib import Path

import numpy as np

from keras_genres.data.changed import ready_posters
from keras_genres.data.table import require_positives
from keras_genres.errors import UserError
from keras_genres.evaluation.compare.facts import read_facts
from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.evaluation.report import write_report
from keras_genres.files import whole_folder, write_json, write_text
from keras_genres.inference.load import load_network
from keras_genres.manifest import write_manifest
from keras_genres.model.freezing import count_parameters
from keras_genres.runs import Run
from keras_genres.training.complete import save_results
from keras_genres.training.display import say
from keras_genres.training.environment import describe_environment
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.trainee import live_scorer


def soup(paths, data, out, greedy=False, overwrite=False):
    """Make a run folder of the network with the mean weights of finished runs.

    All variables are averaged, the statistics of BatchNormalization too; kept
    still, those are equal in all runs. It is one network only if the runs
    began from the same pretrained weights and differ in seed or in settings
    of training.

    Args:
        paths: Run folders of the same network and split, two or more.
        data: Prepared folder of that split; validation and test are scored anew.
        out: Run folder to make.
        greedy: Begin with the run that has the best mean average precision on
            validation, and keep each further one, from best to worst, only if
            the mean with it is not worse there.
        overwrite: Replace a run folder that is there.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.

    Source: Wortsman et al. 2022, "Model soups", arXiv:2203.05482.
    """
    begun = time.perf_counter()
    runs = [Run.open(path) for path in paths]
    if len({run.path.resolve() for run in runs}) < max(2, len(runs)):
        raise UserError("A soup takes two runs or more, each of them once.")
    settings = runs[0].settings()
    posters, _ = ready_posters(data, settings.input, say)
    require_positives(posters)
    for run in runs:
        run.split().require_same(posters.split, run.path, data)
    _require_one_start(runs)
    weights = [_weights_of(run) for run in runs]
    for run, arrays in zip(runs[1:], weights[1:], strict=True):
        if [each.shape for each in arrays] != [each.shape for each in weights[0]]:
            raise UserError(f"{run.path} has another network than {runs[0].path}.")
    # The weights come from the runs: a file that they began from is not needed.
    job = build_job(settings.replace({"model.weights": "none"}), posters)
    job.settings = settings
    score = live_scorer(job, poster_sources(job))
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch, StopOnSignal() as stop:
        run = Run(scratch)
        taken = list(range(len(runs)))
        if greedy:
            taken = _choose(runs, weights, job, score, stop)
        job.network.set_weights(_mean([weights[each] for each in taken]))
        write_text(run.settings_file, settings.to_yaml())
        posters.split.save(run.split_file)
        save_results(job, score, run, stop)
        facts = {
            "title": f"Soup of {len(taken)} × {settings.model.backbone}",
            "data": str(Path(data).resolve()),
            "members": [runs[each].path.name for each in taken],
            "parameters": count_parameters(job.network)[1],
            "seconds": round(time.perf_counter() - begun, 1),
        }
        write_json(run.environment_file, describe_environment() | facts)
        write_report(run, posters)
        write_manifest(run.path)
    return Run(out)


def _require_one_start(runs):
    """Refuse runs whose weights have no mean worth having, and note those that may have none.

    Raises:
        UserError: It names two runs that began with different weights.
    """
    facts = [read_facts(run) for run in runs]
    for run, each in zip(runs, facts, strict=True):
        if (each.weights, each.weight_file) != (facts[0].weights, facts[0].weight_file):
            raise UserError(
                f"{runs[0].path} and {run.path} began with different weights: their mean is no "
                "network. `keras-genres ensemble` averages their scores."
            )
    if facts[0].weights == "random" and len({each.seed for each in facts}) > 1:
        say(
            "Note: these runs began with random weights of several seeds. The mean of such "
            "networks is mostly worse than each of them"
        )


def _weights_of(run):
    return load_network(run.whole_model()).get_weights()


def _mean(members):
    return [
        np.mean(each, axis=0, dtype=np.float64).astype(each[0].dtype)
        for each in zip(*members, strict=True)
    ]


def _choose(runs, weights, job, score, stop):
    """Return the numbers of the runs that a greedy soup holds."""
    labels = job.posters.part("val").labels
    values = [
        mean_average_precision(run.predictions("val").labels, run.predictions("val").scores)
        for run in runs
    ]
    order = np.argsort(values)[::-1].tolist()
    taken, best = order[:1], values[order[0]]
    for each in order[1:]:
        job.network.set_weights(_mean([weights[one] for one in [*taken, each]]))
        found = mean_average_precision(labels, score("val", [stop]))
        verdict = "stays out"
        if found >= best:
            taken, best, verdict = [*taken, each], found, "is in"
        say(f"{runs[each].path} {verdict}: mean average precision {found:.4f}")
    return taken
