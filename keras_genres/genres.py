"""The 19 genres, in index order, and how their names are matched.

Source: Table 1 of Arayıt & Tolga, "Multi-Label Movie Genre Classification
Using Transfer Learning", 2025.
"""

import difflib
import re

from keras_genres.errors import UserError

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Biography",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "History",
    "Horror",
    "Music",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Sport",
    "Thriller",
    "War",
)
"""Genre names; the position is the column of every labels and scores array."""

NUM_GENRES = len(GENRES)


def _key(name):
    return re.sub(r"[\s_\-]+", "", name).casefold()


_BY_KEY = {_key(genre): genre for genre in GENRES} | {"sciencefiction": "Sci-Fi"}


def find_genre(name):
    """Return the genre that `name` means, or `None`.

    Case, spaces, hyphens and underscores do not count, and "science fiction"
    is Sci-Fi.

    Example:
        >>> find_genre("SCIENCE fiction"), find_genre("sci_fi"), find_genre("Western")
        ('Sci-Fi', 'Sci-Fi', None)
    """
    return _BY_KEY.get(_key(name))


def nearest_genre(name):
    """Return the known genre spelled most like `name`, for "did you mean".

    Example:
        >>> nearest_genre("Documentry")
        'Documentary'
    """
    near = difflib.get_close_matches(_key(name), _BY_KEY, n=1, cutoff=0.0)
    return _BY_KEY[near[0]]


def parse_genre(name):
    """Return the genre that `name` means.

    Raises:
        UserError: If no genre is called so; it names the nearest one.
    """
    genre = find_genre(name)
    if genre is None:
        raise UserError(
            f"Unknown genre {name!r}. Did you mean {nearest_genre(name)!r}? "
            "Rename it, or pass --ignore-unknown to leave it out."
        )
    return genre


def genre_columns(genres):
    """Return the columns of genres in an array of scores.

    Args:
        genres: Names, spelled as in `GENRES`, or columns already.

    Raises:
        ValueError: If one is neither.

    Example:
        >>> genre_columns(["Adventure", 18])
        [1, 18]
    """
    columns = [GENRES.index(each) if each in GENRES else each for each in genres]
    for each in columns:
        if isinstance(each, str) or each not in range(NUM_GENRES):
            raise ValueError(
                f"`genres` must hold names of genres or columns below {NUM_GENRES}. "
                f"Received: {each!r}"
            )
    return [int(each) for each in columns]
