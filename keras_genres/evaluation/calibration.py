"""Do scores mean what they say? Of posters with score 0.3, three in ten should have the genre."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

BINS = 10
_LEAST_SCORE = 1e-7
# A score of exactly 0 for a genre that is there would cost infinitely much.


@dataclass(frozen=True)
class ReliabilityBins:
    """Posters of one genre in bins of rising score; arrays of shape `(bins,)`."""

    mean_scores: np.ndarray
    shares: np.ndarray
    """Share of the posters in a bin that have the genre."""
    posters: np.ndarray


def reliability_bins(found, scores, bins=BINS):
    """Return how often a genre is there, by its score, in bins of about equal size.

    Bins end at quantiles of the scores, so equal scores are in one bin, and
    scores with few distinct values fill fewer bins.

    Args:
        found: 0/1 array of shape `(posters,)`.
        scores: Same shape, in [0, 1].
        bins: Bins to make, at least 1.

    Returns:
        `ReliabilityBins`, only of bins that hold posters.

    Example:
        >>> reliability_bins([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75], bins=2).shares
        array([0.5, 1. ])

    Source: Murphy & Winkler 1977, "Reliability of subjective probability
    forecasts" (the diagram); Nguyen & O'Connor 2015, arXiv:1508.05154 (bins of equal size).
    """
    found, scores = np.asarray(found, np.float64), np.asarray(scores, np.float64)
    if found.shape != scores.shape or found.ndim != 1:
        raise ValueError(
            "`found` and `scores` must have the same shape (posters,). "
            f"Received: found.shape={found.shape}, scores.shape={scores.shape}"
        )
    which = bin_of(scores, bins)
    posters = np.bincount(which, minlength=bins)
    sums = [np.bincount(which, values, bins)[posters > 0] for values in (scores, found)]
    posters = posters[posters > 0]
    return ReliabilityBins(sums[0] / posters, sums[1] / posters, posters)


def bin_of(scores, bins=BINS):
    """Return the bin of each score, from 0; shape `(posters,)`.

    Args:
        scores: Array of shape `(posters,)`.
        bins: Number of bins, at least 1.
    """
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1. Received: {bins}")
    edges = np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]) if len(scores) else []
    return np.searchsorted(edges, scores)


def expected_calibration_error(bins):
    """Return the mean distance of scores from shares over bins, weighted by their posters.

    It grows with the noise of small bins, so even a perfect model has some.

    Args:
        bins: `ReliabilityBins`.

    Returns:
        Float in [0, 1]; NaN without posters.

    Source: Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", AAAI.
    """
    if not len(bins.posters):
        return float("nan")
    return float(np.average(np.abs(bins.mean_scores - bins.shares), weights=bins.posters))


def brier_scores(labels, scores):
    """Return the mean squared distance of scores from labels for each genre; 0 is best.

    Always saying a genre's share `p` has `p * (1 - p)`.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.

    Returns:
        float64 array of shape `(genres,)`.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability".
    """
    return ((np.asarray(scores, np.float64) - labels) ** 2).mean(axis=0)


def poster_losses(labels, scores):
    """Return the mean binary cross-entropy over the genres of each poster, shape `(posters,)`.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
    """
    scores = np.clip(np.asarray(scores, np.float64), _LEAST_SCORE, 1 - _LEAST_SCORE)
    return -np.log(np.where(labels, scores, 1 - scores)).mean(axis=1)


def wilson_interval(hits, total, confidence=0.95):
    """Return `(low, high)`: which shares go with so many hits among independent posters.

    Args:
        hits: Counts, of any shape.
        total: Counts above 0, same shape.
        confidence: Coverage.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    hits, total = np.asarray(hits, np.float64), np.asarray(total, np.float64)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, scale = hits / total, 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
