"""Several finished runs as one run folder: mean scores, and one network that gives them."""

import numpy as np

from keras_genres.artefact import metadata_of, write_metadata
from keras_genres.errors import UserError
from keras_genres.evaluation.ensemble import choose_members, describe, sees_alike, write_scores
from keras_genres.evaluation.report import write_report
from keras_genres.files import whole_folder, write_json
from keras_genres.manifest import write_manifest
from keras_genres.runs import Run
from keras_genres.training.display import say
from keras_genres.training.environment import describe_machine

_LARGEST_DIFFERENCE = 0.01
"""Of a score of the saved network to the mean of saved scores; bfloat16 has three digits."""


def ensemble(paths, out, weights="even", method=None, overwrite=False):
    """Make a run folder of the mean of finished runs' scores, whole or not at all.

    Thresholds are chosen anew on validation. Where all members have a network
    and see posters of one size, the folder has the network of the mean and its
    SavedModel; otherwise it has scores, and a line says why.

    Args:
        paths: Run folders of one split, two or more.
        out: Run folder to make.
        weights: `even` or `validation`: see `evaluation.ensemble.choose_members`.
        method: How thresholds are chosen; `None` for the first run's way.
        overwrite: Replace a run folder that is there.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    chosen = choose_members([Run.open(path) for path in paths], weights)
    for each in chosen.members:
        say(f"{each['run']} counts {each['weight']:.2f}")
    lack = _lack_of_network(chosen.runs)
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        write_scores(run, chosen, method)
        write_json(run.environment_file, describe_machine() | describe(chosen))
        if lack:
            say(f"No model: {lack}")
        else:
            _write_network(run, chosen)
        write_report(run)
        write_manifest(run.path)
    return Run(out)


def _lack_of_network(runs):
    """Say why there is no network of a mean; empty if there is one."""
    for run in runs:
        if not run.has(run.model_file):
            return f"{run.path} has none, so there are scores alone"
    if not sees_alike(runs):
        return "the members see posters of different sizes, so there are scores alone"
    return ""


def _write_network(run, chosen):
    from keras_genres.inference.export import check_posters, export
    from keras_genres.inference.load import load_network
    from keras_genres.model.average import average_networks

    networks = [load_network(each.whole(each.model_file)) for each in chosen.runs]
    network = average_networks(networks, chosen.counts)
    network.save(run.model_file)
    write_metadata(run.model_file, metadata_of(run))
    posters = check_posters(chosen.runs[0])
    _require_same_scores(run, network, chosen.runs[0].environment().get("data"), posters)
    _, parity = export(run, posters=posters)
    say(
        f"SavedModel: scores differ from Keras's by at most {parity.difference:.1e} on "
        f"{parity.posters} posters"
    )


def _require_same_scores(run, network, data, posters):
    """Compare the network with the mean of saved scores, where the posters are at hand."""
    from keras_genres.input.pipeline import PosterSource, evaluation_batches

    if not posters:
        return
    saved = run.predictions("val")
    rows = {str(name): row for row, name in enumerate(saved.filenames)}
    names = [str(path.relative_to(data)) if path.is_relative_to(data) else None for path in posters]
    wanted = [(path, rows[name]) for path, name in zip(posters, names, strict=True) if name in rows]
    if not wanted:
        return
    paths, numbers = zip(*wanted, strict=True)
    settings = run.settings().input
    source = PosterSource(paths, settings.height, settings.width, settings)
    found = network.predict(evaluation_batches(source, 32), verbose=0)[: len(paths)]
    difference = float(np.abs(found - saved.scores[list(numbers)]).max())
    if difference > _LARGEST_DIFFERENCE:
        raise UserError(
            f"The network of the mean gives other scores than the runs saved, by up to "
            f"{difference:.2g}: a member's model.keras or the posters in {data} were changed."
        )
    say(f"Model: scores differ from the members' by at most {difference:.1e}")
