"""Which genres come together, in truth and in picks."""

import numpy as np


def cooccurrence(flags):
    """Return how often each genre stands beside each other one.

    Args:
        flags: 0/1 array of shape `(posters, genres)`: labels or picks.

    Returns:
        float64 array of shape `(genres, genres)`: of the posters with the
        row's genre, the share that has the column's genre too. The diagonal is
        1; the row of a genre that no poster has is NaN.

    Example:
        >>> cooccurrence([[1, 1], [1, 0]])
        array([[1. , 0.5],
               [1. , 1. ]])
    """
    flags = np.asarray(flags, np.float64)
    together = flags.T @ flags
    posters = np.diag(together)[:, None]
    return np.divide(together, posters, out=np.full(together.shape, np.nan), where=posters > 0)


def largest_differences(true, picked, most):
    """Return the pairs of genres whose share differs most between picks and truth.

    Args:
        true: What `cooccurrence` returned for labels, shape `(genres, genres)`.
        picked: The same for picks.
        most: How many pairs.

    Returns:
        List of `(row, column)`, largest difference first.
    """
    sizes = np.abs(np.nan_to_num(picked - true))
    np.fill_diagonal(sizes, 0)
    # Rounded: sums end differently on other machines, and ties must not.
    order = np.argsort(-np.round(sizes, 9), axis=None, kind="stable")[:most]
    return [divmod(int(place), len(sizes)) for place in order if sizes.flat[place] > 0]
