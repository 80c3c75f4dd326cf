"""The networks of one run's cycles as an ensemble, in a run folder of its own.

Source: Huang et al. 2017, "Snapshot Ensembles: Train 1, Get M for Free",
arXiv:1704.00109.
"""

from keras_genres.artefact import ENSEMBLE
from keras_genres.data.changed import ready_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.report import write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import whole_folder, write_json, write_text
from keras_genres.inference.load import load_network
from keras_genres.manifest import entry_of, write_manifest
from keras_genres.model.average import average_networks
from keras_genres.runs import Run
from keras_genres.training.complete import save_export, save_network
from keras_genres.training.devices import hide_gpus_from_tensorflow
from keras_genres.training.display import say
from keras_genres.training.ensemble import score_posters
from keras_genres.training.environment import describe_environment
from keras_genres.training.snapshots import snapshots_of

_CHECKED_POSTERS = 100


def snapshot_ensemble(path, data, out, method=None, overwrite=False, of="scores"):
    """Average the snapshots of a run and write their run folder, whole or not at all.

    Args:
        path: Run folder of a training in cycles: `training.cycles`.
        data: Prepared folder of its split; validation and test are scored.
        out: Run folder to make.
        method: How thresholds are chosen; `None` for the run's way.
        overwrite: Replace a run folder that is there.
        of: `scores` or `logits`: what is averaged.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    source = Run.open(path)
    files = snapshots_of(source)
    if len(files) < 2:
        raise UserError(
            f"{path} has {len(files)} snapshots, and an ensemble takes two. Train with --set "
            "training.cycles=5 --set training.schedule=cosine."
        )
    settings = source.settings()
    if method:
        settings = settings.replace({"evaluation.thresholds": method})
    posters, _ = ready_posters(data, settings.input, say)
    source.split().require_same(posters.split, source.path, data)
    hide_gpus_from_tensorflow()
    networks = [load_network(source.whole(file)) for file in files]
    network = average_networks(networks, (1,) * len(networks), of=of)
    with whole_folder(out, overwrite, mark="settings.yaml") as scratch:
        run = Run(scratch)
        write_text(run.settings_file, settings.to_yaml())
        posters.split.save(run.split_file)
        score_posters(run, network, posters)
        sweep(run)
        name, backbone = source.path.resolve().name, settings.model.backbone
        facts = {
            "title": f"Ensemble of {len(files)} snapshots of {backbone}",
            "kind": ENSEMBLE,
            "backbone": backbone,
            "average": of,
            "members": [
                {
                    "run": f"{name}/{file.stem}",
                    "weight": 1 / len(files),
                    "backbone": backbone,
                    "seed": settings.training.seed,
                    "model_sha256": entry_of(file).sha256,
                }
                for file in files
            ],
            "data": str(posters.root.resolve()),
            "parameters": network.count_params(),
        }
        write_json(run.environment_file, describe_environment() | facts)
        save_network(run, network)
        save_export(run, posters.part("val").paths[:_CHECKED_POSTERS])
        write_report(run, posters)
        write_manifest(run.path)
    return Run(out)
