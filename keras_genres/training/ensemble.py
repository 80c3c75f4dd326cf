"""Several finished runs as one run folder: mean scores, and one network that gives them."""

import sys
from pathlib import Path

import numpy as np

from keras_genres.data.changed import ready_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.ensemble import (
    choose_members,
    common_input,
    describe,
    write_scores,
    write_settings,
)
from keras_genres.evaluation.report import write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import whole_folder, write_json
from keras_genres.manifest import write_manifest
from keras_genres.runs import Run
from keras_genres.training.environment import describe_machine

_LARGEST_DIFFERENCE = 0.01
"""Of a score of the saved network to the mean of saved scores; bfloat16 has three digits. Members
of other sizes than the network's may differ by more."""
_BATCH = 32


def ensemble(
    paths,
    out,
    weights="even",
    method=None,
    overwrite=False,
    *,
    of="scores",
    data=None,
    scores_only=False,
    note=None,
):
    """Make a run folder of the mean of finished runs' scores, whole or not at all.

    Thresholds are chosen anew on validation. Where all members have a network
    and one picture serves them all, the folder has the network of the mean and
    its SavedModel; otherwise it has scores, and a line says why. Keras is
    imported for the network only.

    Args:
        paths: Run folders of one split, two or more.
        out: Run folder to make.
        weights: `even` or `validation`: see `evaluation.ensemble.choose_members`.
        method: How thresholds are chosen; `None` for the first run's way.
        overwrite: Replace a run folder that is there.
        of: `scores` or `logits`: what is averaged.
        data: Prepared folder of the split: the network scores its posters, in
            place of the mean of saved scores. The two differ where members see
            posters of other sizes.
        scores_only: Write no network.
        note: Called with each line there is to say; by default it goes to stderr.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    note = note or _say
    chosen = choose_members([Run.open(path) for path in paths], weights, of)
    for each in chosen.members:
        note(f"{each['run']} counts {each['weight']:.2f}")
    lack = "it was not asked for" if scores_only else _lack_of_network(chosen.runs)
    if data is not None and lack:
        raise UserError(f"--data has posters scored by the network, and there is none: {lack}.")
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        write_settings(run, chosen, method)
        facts = describe(chosen)
        network = posters = None
        if not lack:
            network = _load(run, chosen)
        if data is not None:
            posters, _ = ready_posters(data, run.settings().input, note)
            run.split().require_same(posters.split, chosen.runs[0].path, data)
            facts["data"] = str(posters.root.resolve())
            score_posters(run, network, posters)
        else:
            write_scores(run, chosen)
        sweep(run)
        write_json(run.environment_file, _machine(network) | facts)
        if lack:
            note(f"No model: {lack}")
        else:
            _write_network(run, chosen, network, note)
        write_report(run, posters)
        write_manifest(run.path)
    return Run(out)


def _lack_of_network(runs):
    """Say why there is no network of a mean; empty if there is one."""
    for run in runs:
        if not run.has(run.model_file):
            return f"{run.path} has none, so there are scores alone"
    if common_input(runs) is None:
        return "no single picture serves all members, which crop or pad posters to other shapes"
    return ""


def _load(run, chosen):
    from keras_genres.inference.load import load_network
    from keras_genres.model.average import average_networks
    from keras_genres.training.devices import hide_gpus_from_tensorflow

    hide_gpus_from_tensorflow()
    networks = [load_network(each.whole_model()) for each in chosen.runs]
    seen = run.settings().input
    return average_networks(networks, chosen.counts, (seen.height, seen.width), chosen.of)


def score_posters(run, network, posters):
    """Save the scores that a network gives validation and test posters, from their pixels."""
    from keras_genres.training.complete import save_scores
    from keras_genres.training.job import Job, poster_sources
    from keras_genres.training.trainee import live_scorer

    held_out = posters.take(posters.splits != "train")
    job = Job(run.settings(), held_out, (), network, None, 1)
    score = live_scorer(job, poster_sources(job))
    save_scores(run, held_out, score)


def _write_network(run, chosen, network, note):
    from keras_genres.inference.export import check_posters
    from keras_genres.training.complete import save_export, save_network

    save_network(run, network)
    posters = check_posters(run)
    _require_same_scores(run, chosen, network, posters, note)
    save_export(run, posters)


def _require_same_scores(run, chosen, network, posters, note):
    """Compare the network with the saved scores, where the posters are at hand."""
    from keras_genres.input.pipeline import PosterSource, evaluation_batches

    if not posters:
        note("Model: not compared with the saved scores, as their posters were not found")
        return
    data, saved = run.environment()["data"], run.predictions("val")
    rows = {Path(data) / name: row for row, name in enumerate(saved.filenames.tolist())}
    numbers = [rows[path] for path in posters]
    options = run.settings().input
    source = PosterSource(posters, options.height, options.width, options)
    found = network.predict(evaluation_batches(source, _BATCH), verbose=0)[: len(posters)]
    difference = float(np.abs(found - saved.scores[numbers]).max())
    said = (
        f"scores differ from the saved ones by at most {difference:.1e} on {len(posters)} posters"
    )
    sizes = {(seen.height, seen.width) for seen in (each.settings().input for each in chosen.runs)}
    if len(sizes) > 1 and difference > 1e-5:
        note(
            f"Model: {said}, as some members see a poster of {options.height} x {options.width} "
            "resized, not the file. --data scores all posters that way"
        )
    elif difference > _LARGEST_DIFFERENCE:
        raise UserError(
            f"The network of the mean gives other scores than the runs saved, by up to "
            f"{difference:.2g}: a member's model.keras or the posters in {data} were changed."
        )
    else:
        note(f"Model: {said}")


def _machine(network):
    """Describe the machine; Keras is only imported for what was computed with it."""
    if network is None:
        return describe_machine()
    from keras_genres.training.environment import describe_environment

    return describe_environment()


def _say(line):
    print(line, file=sys.stderr)
