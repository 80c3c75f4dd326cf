"""The baselines: what related work did, and what knows nothing of the poster.

Nothing here imports more than the settings, so the command line can read the
table at once.
"""

from dataclasses import dataclass, field

from keras_genres.settings import load_settings

MEASURES = ("macro_f1", "micro_f1", "samples_f1")
"""What `constant` may be best by."""
_INTERVALS = ("evaluation.resamples", "evaluation.confidence", "evaluation.seed")
_LEARNED = ("evaluation", "training.seed", "input.check", "input.changed")
_FROZEN = (
    *_LEARNED,
    "model.backbone",
    "model.weights",
    "model.pooling",
    "input.height",
    "input.width",
    "input.fit",
    "input.cache_folder",
    "prefix.place",
    "prefix.memory_gib",
    "prefix.disk_gib",
    "training.batch_size",
    "training.precision",
    "training.jit",
    "training.devices",
)


@dataclass(frozen=True)
class Baseline:
    """One row of the table."""

    name: str
    """Name on the command line and of the run folder."""
    title: str
    """Name in tables of results."""
    meaning: str
    """What it does, in one line."""
    uses: tuple
    """Settings that count for it: sections or `section.name`."""
    features: str = ""
    """What it sees of a poster: nothing, `low-level`, `frozen` or `pixels`."""
    recipe: dict = field(default_factory=dict, hash=False)
    """Settings in which it differs from the defaults."""

    def takes(self, setting):
        """Return whether a setting, `section.name`, counts for this baseline."""
        return setting in self.uses or setting.partition(".")[0] in self.uses

    def settings(self, config=None, overrides=()):
        """Resolve settings: defaults, this baseline's recipe, a YAML file, `name=value` strings.

        Args:
            config: Path of a YAML file, or `None`.
            overrides: Strings such as `"evaluation.resamples=200"`.

        Raises:
            UserError: As `load_settings`.
        """
        return load_settings(config, overrides, self.recipe)


_ROWS = (
    Baseline(
        "most-frequent",
        "Most frequent genres",
        "The most frequent genres of training for every poster; no poster is looked at.",
        _INTERVALS,
    ),
    Baseline(
        "constant",
        "Best constant set",
        "The one set of genres with the best --measure on training; no poster is looked at.",
        _INTERVALS,
    ),
    Baseline(
        "naive-bayes",
        "Naive Bayes on low-level features",
        "Colour histograms and edge statistics, Gaussian naive Bayes.",
        _LEARNED,
        "low-level",
    ),
    Baseline(
        "rakel",
        "RAkEL on low-level features",
        "The same features, RAkEL: logistic regression on random sets of three genres.",
        _LEARNED,
        "low-level",
    ),
    Baseline(
        "mlknn",
        "ML-kNN on low-level features",
        "The same features, ML-kNN: how many of the nearest posters have a genre.",
        _LEARNED,
        "low-level",
    ),
    Baseline(
        "mlknn-frozen",
        "ML-kNN on frozen features",
        "ML-kNN on what a frozen backbone gives; see --backbone and --weights.",
        _FROZEN,
        "frozen",
    ),
    Baseline(
        "logistic-frozen",
        "Logistic regression on frozen features",
        "Logistic regression, a genre at a time, on what a frozen backbone gives.",
        _FROZEN,
        "frozen",
    ),
    Baseline(
        "cnn",
        "Custom CNN from scratch",
        "The small convolutional network `smallcnn`, trained from random weights.",
        ("input", "augment", "prefix", "model", "training", "evaluation"),
        "pixels",
        {
            "model.backbone": "smallcnn",
            "model.weights": "none",
            "model.prior_bias": True,
            "input.height": 96,
            "input.width": 64,
            "training.unfreeze": "all",
            "training.head_epochs": 0,
            "training.epochs": 40,
            "training.learning_rate": 1e-3,
            "training.step_epochs": 15,
        },
    ),
)

BASELINES = {row.name: row for row in _ROWS}
"""Every baseline by its name on the command line."""
