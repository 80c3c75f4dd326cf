"""The main job on drawn posters: draw, prepare, fit, report."""

from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.settings import PrepareSettings, load_settings

POSTERS = 600
"""Posters drawn: enough for every genre in three splits, few enough for a minute."""
SETTINGS = (
    "model.backbone=smallcnn",
    # What tells a genre is small on a drawn poster, and averaging washes it out.
    "model.pooling=max",
    "input.height=96",
    "input.width=64",
    "training.epochs=22",
    "training.step_epochs=8",
    "augment.shift=0.03",
)


def demo(out, seed=0, overwrite=False, note=print):
    """Draw posters, prepare them and train a small CNN from scratch.

    Args:
        out: Folder to make: `posters/`, `data/` and `run/`.
        seed: Seed of the drawing, the split and the training.
        overwrite: Replace a folder that is there.
        note: Called with a line before each step.

    Returns:
        The `Run`.

    Raises:
        UserError: If `out` is there already.
    """
    from keras_genres.data.prepare import prepare
    from keras_genres.data.sample import draw_sample

    out = Path(out)
    settings = load_settings(None, [*SETTINGS, f"training.seed={seed}"])
    if out.exists() and not overwrite:
        raise UserError(f"{out} is there already. Choose another --out, or pass --overwrite.")
    posters, data, run = out / "posters", out / "data", out / "run"
    note(f"1/3 Drawing {POSTERS} posters in {posters}")
    draw_sample(posters, POSTERS, seed, overwrite=overwrite)
    note(f"2/3 Preparing them in {data}")
    prepare(posters / "labels.csv", data, PrepareSettings(seed=seed), overwrite=overwrite)
    note(f"3/3 Training {settings.model.backbone} from scratch in {run}")
    from keras_genres.training.start import start_keras

    start_keras()
    from keras_genres.training.fit import fit

    return fit(settings, data, run, overwrite)
