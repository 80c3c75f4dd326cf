"""ML-kNN: the genres of a poster from those of the posters nearest to it."""

import numpy as np
from sklearn.neighbors import NearestNeighbors


class MLkNN:
    """Multi-label k nearest neighbours.

    For each genre it learns how often a poster that has it, and one that has
    it not, has 0, 1, … k neighbours with it. The score of a new poster is the
    probability of the genre given how many of its neighbours have it.

    Args:
        k: Neighbours that count.
        smoothing: Posters of every kind that are thought to have been seen
            beforehand; 1 is Laplace's.

    Example:
        >>> near = nearest(features, k=10)
        >>> model = MLkNN(10).fit(near["train"], labels)
        >>> scores = model.scores(near["test"])

    Source: Zhang & Zhou 2007, "ML-KNN: A lazy learning approach to multi-label
    learning".
    """

    def __init__(self, k=10, smoothing=1.0):
        self.k = k
        self.smoothing = smoothing

    def fit(self, near, labels):
        """Learn from training posters and return itself.

        Args:
            near: Rows of each training poster's nearest others, nearest
                first, shape `(posters, at least k)`.
            labels: 0/1 array of shape `(posters, genres)`.
        """
        labels = np.asarray(labels, dtype=np.int64)
        posters, genres = labels.shape
        self._labels = labels
        counts = self._counts(near)
        # seen[has, genre, c]: posters that have the genre or not, and c neighbours with it
        seen = np.zeros((2, genres, self.k + 1))
        np.add.at(seen, (labels, np.arange(genres), counts), 1)
        s = self.smoothing
        has = (s + labels.sum(axis=0)) / (2 * s + posters)
        self._prior = np.stack([1 - has, has])
        self._likelihood = (s + seen) / (s * (self.k + 1) + seen.sum(axis=2, keepdims=True))
        return self

    def scores(self, near):
        """Return the probability of each genre.

        Args:
            near: Rows of the training posters nearest to each poster, nearest
                first, shape `(posters, at least k)`.

        Returns:
            float64 array of shape `(posters, genres)`.
        """
        counts = self._counts(near)
        genres = np.arange(counts.shape[1])
        # Both hypotheses, each times what it says of the count: Bayes' rule.
        absent, present = self._prior[:, None] * self._likelihood[:, genres, counts]
        return present / (absent + present)

    def _counts(self, near):
        """Return how many of the k nearest have each genre, shape `(posters, genres)`."""
        near = np.asarray(near)
        counts = np.zeros((len(near), self._labels.shape[1]), dtype=np.int64)
        # One neighbour after the other: all of them at once would be gigabytes.
        for column in near[:, : self.k].T:
            counts += self._labels[column]
        return counts


def nearest(features, k):
    """Return the training posters nearest to every poster.

    Args:
        features: Split name to array of shape `(posters, features)`, all on
            one scale: distances are Euclidean.
        k: How many; at most one less than there are training posters.

    Returns:
        Split name to int array of shape `(posters, k)`, nearest first. A
        training poster is not its own neighbour.
    """
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features["train"])
    return {
        split: search.kneighbors(None if split == "train" else rows, return_distance=False)
        for split, rows in features.items()
    }
