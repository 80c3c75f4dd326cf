"""Logistic regression and naive Bayes, a genre at a time, by scikit-learn."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from keras_genres.baselines.parallel import each

_MOST_ITERATIONS = 1000
_EVIDENCE = tuple(np.logspace(0, 3, 31))


class Logistic:
    """One-vs-rest logistic regression.

    Args:
        C: Inverse strength of the L2 penalty, as scikit-learn has it.
    """

    def __init__(self, C):
        self.C = C

    def fit(self, features, labels, start=None):
        """Learn from training posters and return itself.

        Args:
            features: Array of shape `(posters, features)`.
            labels: 0/1 array of shape `(posters, genres)`.
            start: A fitted `Logistic` of another C to begin from, which is quicker.
        """

        def one(genre):
            found = labels[:, genre]
            if found.min() == found.max():  # nothing to tell apart
                return np.zeros(features.shape[1]), np.inf if found[0] else -np.inf
            model = LogisticRegression(C=self.C, max_iter=_MOST_ITERATIONS, warm_start=True)
            if start is not None:
                model.coef_ = start.weights[genre : genre + 1].astype(features.dtype)
                model.intercept_ = start.biases[genre : genre + 1].astype(features.dtype)
            model.fit(features, found)
            return model.coef_[0], model.intercept_[0]

        found = each(one, range(labels.shape[1]))
        self.weights, self.biases = (
            np.array(part, np.float64) for part in zip(*found, strict=True)
        )
        return self

    @property
    def parameters(self):
        """Numbers learned."""
        return self.weights.size + self.biases.size

    def scores(self, features):
        """Return the probability of each genre, float64 of shape `(posters, genres)`."""
        return sigmoid(features @ self.weights.T + self.biases)


class NaiveBayes:
    """One-vs-rest Gaussian naive Bayes.

    It takes features for independent which are not, and is far too sure:
    most of its probabilities are 0 or 1 to the last digit of float32, and
    posters that it ranks differently would score alike. So its evidence, the
    logarithm of how much likelier the features are with the genre than
    without, is divided by one number for all genres, chosen on validation:
    that many features say what one independent one would. The ranking of
    posters is that of plain naive Bayes, which is a divisor of 1.

    Args:
        smoothing: Share of the largest variance of a feature that is added to
            all variances.

    Source: dividing the evidence of a classifier that is too sure is
    temperature scaling, Guo et al. 2017, arXiv:1706.04599.
    """

    def __init__(self, smoothing=1e-9):
        self.smoothing = smoothing
        self.divisor = 1.0

    def fit(self, features, labels):
        """Learn from training posters and return itself: see `Logistic.fit`."""
        # Half a poster more of each kind: a genre that all have is not certain.
        shares = (labels.sum(axis=0) + 0.5) / (len(labels) + 1)
        self._prior = np.log(shares / (1 - shares))
        self._models = [
            GaussianNB(priors=[0.5, 0.5], var_smoothing=self.smoothing).fit(features, found)
            if found.min() < found.max()
            else None
            for found in np.asarray(labels).T
        ]
        return self

    @property
    def parameters(self):
        """Numbers learned: two means and variances a feature and genre, and the shares."""
        genres = [model for model in self._models if model is not None]
        return sum(2 * model.theta_.size for model in genres) + self._prior.size

    def evidence(self, features):
        """Return the log likelihood ratio for each genre, of shape `(posters, genres)`."""
        found = np.zeros((len(features), len(self._models)))
        for genre, model in enumerate(self._models):
            if model is not None:
                absent, present = model.predict_joint_log_proba(features).T
                found[:, genre] = present - absent
        return found

    def temper(self, features, labels):
        """Choose the divisor with the least log loss on posters not trained on; return itself."""
        evidence = self.evidence(features)

        def loss(divisor):
            logits = self._prior + evidence / divisor
            return (np.logaddexp(0, logits) - labels * logits).mean()

        self.divisor = float(min(_EVIDENCE, key=loss))
        return self

    def scores(self, features):
        """Return the probability of each genre, float64 of shape `(posters, genres)`."""
        return sigmoid(self._prior + self.evidence(features) / self.divisor)


def sigmoid(logits):
    """Return `1 / (1 + exp(-logits))` without overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))
