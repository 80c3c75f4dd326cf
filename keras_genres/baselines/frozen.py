"""What a frozen backbone gives for every poster, as evaluation sees it.

Source: off-the-shelf features of a network trained on other pictures are
Donahue et al. 2014, arXiv:1310.1531.
"""

from keras_genres.errors import UserError
from keras_genres.input.cache import amount, cache_folder, check_readable
from keras_genres.model.backbones import find_backbone
from keras_genres.model.cut import HEAD
from keras_genres.model.weights import weights_hash
from keras_genres.training.display import say
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.prefix_choice import choose_place
from keras_genres.training.prefix_layout import Layout
from keras_genres.training.prefix_pass import PrefixPass, explain_interrupt
from keras_genres.training.stages import resolve

_HEAD_ONLY = {"training.head_epochs": 1, "training.epochs": 0, "training.unfreeze": "none"}


def frozen_features(settings, posters):
    """Return the pooled output of preprocessing and backbone for every poster.

    It is kept in the cache folder of the prefix cache, where the next
    baseline finds it, and `fit` finds that of validation and test.

    Args:
        settings: `Settings`.
        posters: `Posters` of all splits.

    Returns:
        Split name to float32 array of shape `(posters, width)`, read-only;
        the resolved settings; and facts for `environment.json`.

    Raises:
        UserError: If a poster cannot be read, there is no room or no weights,
            or it was interrupted.
    """
    job = build_job(resolve(settings.replace(_HEAD_ONLY)), posters)
    sources = poster_sources(job)
    kept = _place(job, Layout(job, sources))
    try:
        with StopOnSignal() as stop, explain_interrupt():
            PrefixPass(job, sources).fill([kept], stop)
    except UserError:
        raise
    except Exception:
        # TensorFlow's error does not say which poster it was.
        options = job.settings.input
        check_readable(posters.paths, options.height, options.width, options.fit)
        raise
    found = {split: part.array() for split, part in kept.held_out.items()}
    model, options = job.settings.model, job.settings.input
    backbone = find_backbone(model.backbone)
    is_file = model.weights not in ("imagenet", "none")
    facts = {
        "title": backbone.title + (" (random weights)" if model.weights == "none" else ""),
        "features": f"{found['val'].shape[1]} of {backbone.title}, weights "
        f"{'from a file' if is_file else model.weights}, {options.height} × {options.width} pixels",
        "weights_sha256": weights_hash(model.weights) if is_file else None,
        "parameters": backbone.parameters,
    }
    return found, job.settings, facts


def _place(job, layout):
    """Return the `Kept` to fill: what an earlier run left, or a place for it."""
    options, folder = job.settings.prefix, cache_folder(job.settings.input)
    place = "memory"
    if options.place != "memory":
        kept = layout.plain(HEAD, folder)
        if not kept.missing:
            say(f"Frozen features: {amount(kept.size)} found from an earlier run")
            return kept
        place, lack = choose_place(options, kept.size, 0, folder)
        if place is None:
            raise UserError(
                f"The frozen features take {amount(kept.size)}: {lack}. Raise the limit, or set "
                "input.cache_folder to another disk."
            )
    return layout.plain(HEAD, folder if place == "disk" else None)
