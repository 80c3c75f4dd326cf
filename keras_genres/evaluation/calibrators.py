"""Fits of a calibration map for one genre: temperature, Platt scaling and isotonic regression.

All three are scikit-learn's, on the logits of the scores, and learn Platt's
targets: with `P` posters that have the genre, `(P + 1) / (P + 2)` where it is
there and `1 / (N + 2)` where it is not. So no poster pulls a score to 0 or 1,
however few there are.
"""

import warnings

import numpy as np

from keras_genres.calibration_map import MOST_STEPS, GenreMap, logits

LEAST_SLOPE = 0.05
"""Slope of an isotonic map where it would be flat: logits 20 apart then still differ by 1.

Enough for float32 to keep the order of scores, and of a score and a threshold.
"""
_LEAST_GAP = 1e-3
_UNBOUND = 1e12  # of scikit-learn's `C`: no penalty, in every version
_ROUNDS = 100


def fit_map(method, found, scores):
    """Fit the map of one genre.

    Args:
        method: `none`, `temperature`, `platt` or `isotonic`.
        found: 0/1 array of shape `(posters,)`, with both.
        scores: Same shape, in [0, 1].

    Returns:
        A `GenreMap`, or `None` where the fit does not rise: higher scores then
        do not mean more posters with the genre.
    """
    found, z = np.asarray(found).astype(bool), logits(scores)
    if method == "none":
        return GenreMap()
    if method == "isotonic":
        return _isotonic(found, z)
    if method not in ("temperature", "platt"):
        raise ValueError(f"There is no method {method!r}.")
    slope, intercept = _logistic(found, z, method == "platt")
    try:
        return GenreMap(method, slope, intercept)
    except ValueError:
        return None


def _targets(found):
    positives = found.sum()
    return np.where(found, (positives + 1) / (positives + 2), 1 / (len(found) - positives + 2))


def _logistic(found, z, has_intercept):
    """Return slope and intercept of a logistic regression on logits.

    Without an intercept it is temperature scaling: the slope is 1 over the
    temperature.

    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines";
    Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
    """
    from sklearn.linear_model import LogisticRegression

    targets = _targets(found)
    # A target between 0 and 1 is a poster that counts on both sides.
    weights = np.concatenate([targets, 1 - targets])
    both = np.repeat([1, 0], len(z))
    fit = LogisticRegression(
        C=_UNBOUND, fit_intercept=has_intercept, solver="newton-cholesky", max_iter=_ROUNDS
    )
    with warnings.catch_warnings():
        # Scores that are all alike have no one best line. Whether what comes
        # out is of use is told by the cross-validation.
        warnings.simplefilter("ignore")
        fit.fit(np.concatenate([z, z])[:, None], both, weights)
    return fit.coef_[0, 0], float(np.ravel(fit.intercept_)[0]) if has_intercept else 0.0


def _isotonic(found, z):
    """Return centred isotonic regression, made strictly increasing.

    Isotonic regression is a staircase, on which different scores become one.
    Here each stair is a point at its mean logit, with straight lines between
    the points, and a small slope below the first and above the last.

    Source: Oron & Flournoy 2017, "Centered Isotonic Regression: Point and
    Interval Estimation for Dose-Response Studies", Statistics in
    Biopharmaceutical Research 9 (3).
    """
    from sklearn.isotonic import isotonic_regression

    where, index = np.unique(z, return_inverse=True)
    posters = np.bincount(index).astype(np.float64)
    shares = np.bincount(index, _targets(found)) / posters
    stairs = isotonic_regression(shares, sample_weight=posters)
    block = np.cumsum(np.diff(stairs, prepend=stairs[0]) > 0)
    points = np.stack([np.bincount(block, posters * each) for each in (where, stairs)])
    points, posters = _few(points, np.bincount(block, posters))
    where, shares = points / posters
    # As much above the least slope as the stairs allow, and never below it.
    above = isotonic_regression(
        np.log(shares) - np.log1p(-shares) - LEAST_SLOPE * where, sample_weight=posters
    )
    rise = np.diff(above)
    is_step = rise > 0
    try:
        return GenreMap(
            "isotonic",
            LEAST_SLOPE,
            above[0],
            tuple(where[:-1][is_step]),
            tuple(np.diff(where)[is_step]),
            tuple(rise[is_step]),
        )
    except ValueError:
        return None


def _few(sums, posters):
    """Join neighbouring stairs that are nearly at one place, and the smallest if there are many."""
    while len(posters) > 1:
        gaps = np.diff(sums[0] / posters)
        near = gaps.argmin()
        if gaps[near] >= _LEAST_GAP:
            if len(posters) <= MOST_STEPS + 1:
                break
            near = (posters[:-1] + posters[1:]).argmin()
        sums[:, near] += sums[:, near + 1]
        posters[near] += posters[near + 1]
        sums, posters = np.delete(sums, near + 1, axis=1), np.delete(posters, near + 1)
    return sums, posters
