"""RAkEL: many small classifiers, each for all combinations of a few genres."""

import itertools
import math

import numpy as np

from keras_genres.baselines.parallel import each

_TRIES = 1000


class RAkEL:
    """Random k-labelsets, overlapping.

    Each labelset gets a classifier of its own that tells which combination of
    the set's genres a poster has, so it knows which genres come together.
    Each combination seen in training is one class: the label powerset.

    In the source a classifier votes 0 or 1 for each genre of its set, for the
    likeliest combination, and a genre is taken when more than half of the
    votes are for it. A combination with a rare genre is hardly ever the
    likeliest, and such a genre gets no votes at all. So here a vote is the
    probability of the genre: that of all combinations which hold it. The
    score is the mean of the votes, as in the source.

    Args:
        labelsets: Genres of each set, as `draw_labelsets` gives them.
        make: Called without arguments; returns a new scikit-learn classifier
            with `predict_proba`, linear ones if `parameters` is asked for.

    Source: Tsoumakas, Katakis & Vlahavas 2011, "Random k-Labelsets for
    Multilabel Classification", IEEE TKDE 23(7).
    """

    def __init__(self, labelsets, make):
        self.labelsets = labelsets
        self.make = make

    def fit(self, features, labels):
        """Learn from training posters and return itself.

        Args:
            features: Array of shape `(posters, features)`.
            labels: 0/1 array of shape `(posters, genres)`.
        """
        labels = np.asarray(labels, dtype=np.int64)
        self._genres = labels.shape[1]

        def powerset(labelset):
            combinations, classes = np.unique(
                labels[:, list(labelset)], axis=0, return_inverse=True
            )
            model = None  # where all posters have one combination
            if len(combinations) > 1:
                model = self.make().fit(features, classes.ravel())
            return labelset, combinations, model

        self._models = each(powerset, self.labelsets)
        return self

    @property
    def parameters(self):
        """Numbers learned."""
        models = [model for *_, model in self._models if model is not None]
        return sum(model.coef_.size + model.intercept_.size for model in models)

    def scores(self, features):
        """Return the mean vote for each genre, float64 of shape `(posters, genres)`."""
        votes = np.zeros((len(features), self._genres))
        counts = np.zeros(self._genres)
        for labelset, combinations, model in self._models:
            certain = model is None
            vote = combinations if certain else model.predict_proba(features) @ combinations
            votes[:, list(labelset)] += vote
            counts[list(labelset)] += 1
        return votes / counts


def draw_labelsets(genres, k=3, models=None, seed=0):
    """Draw different random sets of `k` genres, until every genre is in one.

    Args:
        genres: Number of genres.
        k: Genres of a set.
        models: Number of sets; by default twice the genres, as in the source.
        seed: Seed of the draw.

    Returns:
        List of `models` increasing tuples.

    Raises:
        ValueError: If there are not that many sets, or too few for all genres.
    """
    models = 2 * genres if models is None else models
    if models > math.comb(genres, k) or models * k < genres:
        raise ValueError(
            f"`models` must be between {math.ceil(genres / k)} and {math.comb(genres, k)}. "
            f"Received: {models}"
        )
    every = list(itertools.combinations(range(genres), k))
    generator = np.random.default_rng(seed)
    for _ in range(_TRIES):
        rows = generator.choice(len(every), models, replace=False)
        drawn = [every[row] for row in rows]
        if len(set().union(*drawn)) == genres:
            return drawn
    raise ValueError(f"`models` must be larger to hold all {genres} genres. Received: {models}")
