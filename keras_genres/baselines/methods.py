"""What each baseline does with prepared posters: from labels or features to scores.

Hyperparameters are chosen on validation, by mean average precision, which
needs no thresholds; the test posters are scored once, by what was chosen.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.genres import GENRES

_HELD_OUT = ("val", "test")
_DIGITS = 6
NAIVE_BAYES_SMOOTHING = (1e-9, 0.01, 0.1, 1.0)
"""Shares of the largest variance that are tried; above 1 all variances would be nearly alike, and
posters would go by the nearest mean: no naive Bayes any more."""
NEIGHBOURS = (10, 20, 40, 80, 160, 320)
"""Numbers of neighbours that are tried; the source found 10 as good as any on its data."""
LOGISTIC_C = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Inverse strengths of the penalty that are tried."""
RAKEL_C = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""The same for the classifiers of RAkEL."""


@dataclass(frozen=True)
class Scored:
    """What a baseline came to."""

    scores: dict
    """`val` and `test` to an array of shape `(posters, genres)`."""
    settings: object
    """The `Settings` with nothing left to choose."""
    facts: dict
    """What `environment.json` says of it."""
    has_fixed_picks: bool = False
    """Whether the scores are picks, the same for every poster."""


def most_frequent(settings, posters, note):
    """Score 1 for the most frequent genres of training, 0 for the others."""
    from keras_genres.baselines.priors import most_frequent

    return _fixed(settings, posters, note, most_frequent(posters.part("train").labels), {})


def constant(settings, posters, note, measure="macro_f1"):
    """Score 1 for the set of genres with the best measure on training, 0 for the others."""
    from keras_genres.baselines.priors import best_constant_set

    picks = best_constant_set(posters.part("train").labels, measure)
    name = measure.replace("_f1", " F1")
    facts = {"title": f"Best constant set by {name}", "hyperparameters": {"measure": measure}}
    return _fixed(settings, posters, note, picks, facts)


def naive_bayes(settings, posters, note):
    """Gaussian naive Bayes on low-level features."""
    from keras_genres.baselines.linear import NaiveBayes

    features, facts = _low_level(posters, note)
    labels = posters.part("train").labels
    held_out = features["val"], posters.part("val").labels
    models = (
        # Tempered first: untempered scores of a sure model are 0 and 1, and tie.
        (
            {"smoothing": smoothing},
            NaiveBayes(smoothing).fit(features["train"], labels).temper(*held_out),
        )
        for smoothing in NAIVE_BAYES_SMOOTHING
    )
    model, found = best_model(models, *held_out, note)
    found["hyperparameters"]["evidence_divisor"] = round(model.divisor, _DIGITS)
    return _scored(settings, model, features, facts | found | {"parameters": model.parameters})


def rakel(settings, posters, note):
    """RAkEL on low-level features, over multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    from keras_genres.baselines.rakel import RAkEL, draw_labelsets

    features, facts = _low_level(posters, note)
    labels = posters.part("train").labels
    labelsets = draw_labelsets(labels.shape[1], seed=settings.training.seed)

    def model(C):
        make = partial(LogisticRegression, C=C, max_iter=1000)
        return RAkEL(labelsets, make).fit(features["train"], labels)

    models = (({"C": C}, model(C)) for C in RAKEL_C)
    chosen, found = best_model(models, features["val"], posters.part("val").labels, note)
    found["hyperparameters"] |= {"labelsets": len(labelsets), "k": len(labelsets[0])}
    return _scored(settings, chosen, features, facts | found | {"parameters": chosen.parameters})


def mlknn(settings, posters, note):
    """ML-kNN on low-level features."""
    features, facts = _low_level(posters, note)
    return _mlknn(settings, posters, note, features, facts)


def mlknn_frozen(settings, posters, note):
    """ML-kNN on frozen features."""
    features, settings, facts = _frozen(settings, posters, "ML-kNN")
    del facts["parameters"]  # what it learned are the training posters
    return _mlknn(settings, posters, note, features, facts)


def logistic_frozen(settings, posters, note):
    """Logistic regression, one-vs-rest, on frozen features."""
    from keras_genres.baselines.linear import Logistic

    features, settings, facts = _frozen(settings, posters, "Logistic regression")
    labels = posters.part("train").labels

    def models():
        model = None
        for C in LOGISTIC_C:
            model = Logistic(C).fit(features["train"], labels, start=model)
            yield {"C": C}, model

    model, found = best_model(models(), features["val"], posters.part("val").labels, note)
    facts["parameters"] += model.parameters
    return _scored(settings, model, features, facts | found)


METHODS = {
    "most-frequent": most_frequent,
    "constant": constant,
    "naive-bayes": naive_bayes,
    "rakel": rakel,
    "mlknn": mlknn,
    "mlknn-frozen": mlknn_frozen,
    "logistic-frozen": logistic_frozen,
}
"""Every baseline that is not a network of its own, by name: `(settings, posters, note)`."""


def best_model(models, features, labels, note):
    """Choose the model with the best mean average precision on validation.

    Args:
        models: Yields `(hyperparameters, model)`.
        features: What the models score, of the validation posters.
        labels: Their labels, 0/1 array of shape `(posters, genres)`.
        note: Called with a line on each.

    Returns:
        The first of the best models; and `hyperparameters`, those of it, and
        `search`, what each had, as a dictionary.
    """
    best, best_score, chosen, search = None, -1.0, None, []
    for hyperparameters, model in models:
        # As scores are saved: two that float32 cannot tell apart are ties.
        scores = np.asarray(model.scores(features), np.float32)
        score = round(mean_average_precision(labels, scores), _DIGITS)
        said = ", ".join(f"{name} {value:g}" for name, value in hyperparameters.items())
        note(f"{said}: validation mean average precision {score:.4f}")
        search.append(hyperparameters | {"val_mean_average_precision": score})
        if score > best_score:
            best, best_score, chosen = model, score, hyperparameters
    return best, {"hyperparameters": dict(chosen), "search": search}


def standardised(features):
    """Return features with mean 0 and standard deviation 1 over the training posters.

    Args:
        features: Split name to float32 array of shape `(posters, features)`.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features["train"])
    return {split: scaler.transform(rows) for split, rows in features.items()}


def _mlknn(settings, posters, note, features, facts):
    from keras_genres.baselines.mlknn import MLkNN, nearest

    labels = posters.part("train").labels
    most = len(labels) - 1
    tried = [k for k in NEIGHBOURS if k <= most] or [most]
    near = nearest(features, tried[-1])
    models = (({"k": k}, MLkNN(k).fit(near["train"], labels)) for k in tried)
    model, found = best_model(models, near["val"], posters.part("val").labels, note)
    return _scored(settings, model, near, facts | found)


def _low_level(posters, note):
    """Return standardised low-level features of each split, and facts."""
    from keras_genres.baselines.low_level import NUM_FEATURES, low_level_features

    note(f"Low-level features: {NUM_FEATURES} numbers of each of {len(posters)} posters")
    found = low_level_features(posters.paths)
    splits = {split: found[posters.splits == split] for split in ("train", *_HELD_OUT)}
    return standardised(splits), {"features": f"{NUM_FEATURES} of colours and edges"}


def _frozen(settings, posters, method):
    from keras_genres.baselines.frozen import frozen_features

    features, settings, facts = frozen_features(settings, posters)
    facts["title"] = f"{method} on frozen {facts['title']}"
    return standardised(features), settings, facts


def _fixed(settings, posters, note, picks, facts):
    named = [genre for genre, picked in zip(GENRES, picks, strict=True) if picked]
    note(f"Picked for every poster: {', '.join(named)}")
    scores = {
        split: np.tile(picks.astype(np.float32), (len(posters.part(split)), 1))
        for split in _HELD_OUT
    }
    return Scored(scores, settings, facts | {"picks": named}, has_fixed_picks=True)


def _scored(settings, model, features, facts):
    return Scored({split: model.scores(features[split]) for split in _HELD_OUT}, settings, facts)
