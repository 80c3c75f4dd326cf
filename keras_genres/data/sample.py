"""A sample set of film posters drawn in code, for the demo and the tests.

Nothing is downloaded: the looks of the posters carry their genres, so that a
small network learns them from scratch in about a minute.
"""

import csv
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from keras_genres.data.drawing.poster import draw_poster
from keras_genres.data.drawing.words import invent_title
from keras_genres.errors import UserError
from keras_genres.files import whole_file, whole_folder
from keras_genres.genres import GENRES, NUM_GENRES

MIN_POSTERS = 40
"""Fewer leave a split without some of the 19 genres."""

_SHARES = {"Drama": 1.75, "Comedy": 1.5, "Thriller": 1.15, "Action": 1.1, "Romance": 1.1}
"""How much more often than the rest a genre is wanted."""

_FRIENDS = {
    "Action": ("Thriller", "Sci-Fi", "Adventure", "Crime"),
    "Adventure": ("Fantasy", "Action", "Family", "Animation"),
    "Animation": ("Family", "Comedy", "Adventure", "Fantasy"),
    "Biography": ("Drama", "History", "Music", "Sport"),
    "Comedy": ("Romance", "Family", "Animation", "Crime"),
    "Crime": ("Thriller", "Drama", "Mystery", "Action"),
    "Documentary": ("Music", "Biography", "History", "Sport"),
    "Drama": ("Romance", "War", "Biography", "Crime"),
    "Family": ("Animation", "Comedy", "Fantasy", "Sport"),
    "Fantasy": ("Adventure", "Family", "Horror", "Romance"),
    "History": ("War", "Drama", "Biography", "Documentary"),
    "Horror": ("Mystery", "Thriller", "Sci-Fi", "Fantasy"),
    "Music": ("Documentary", "Comedy", "Drama", "Biography"),
    "Mystery": ("Crime", "Thriller", "Horror", "Drama"),
    "Romance": ("Drama", "Comedy", "Music", "Fantasy"),
    "Sci-Fi": ("Action", "Horror", "Thriller", "Adventure"),
    "Sport": ("Drama", "Biography", "Documentary", "Comedy"),
    "Thriller": ("Crime", "Mystery", "Action", "Horror"),
    "War": ("History", "Drama", "Action", "Documentary"),
}

_COPIES = {37: 11, 311: 104}
"""Posters that are an earlier one, saved again under another name and film."""


@dataclass(frozen=True)
class SamplePoster:
    """What is drawn on one poster."""

    filename: str
    """Name in the folder `images`."""
    genres: tuple
    """One to three genre names; the first sets the scene."""
    film_id: str
    """Posters of one film share it."""
    title: str
    """Title of the film."""
    year: int
    """Year of the film."""
    copy_of: int | None = None
    """Index of the poster that this one is a copy of."""


def draw_sample(out, posters=600, seed=0, size=(268, 182), overwrite=False):
    """Draw film posters and their `labels.csv` into a folder, whole or not at all.

    The folder holds `images/*.jpg` and `labels.csv` with the columns
    `filename`, `genres` (joined by `|`), `film_id`, `title` and `year`. About
    3 % of the posters are a second poster of an earlier film, and one or two
    are an earlier picture under another name, so that grouping has something
    to find. The same seed gives the same bytes on the same Pillow; a smaller
    sample is the beginning of a larger one.

    Args:
        out: Folder to make.
        posters: How many posters; at least `MIN_POSTERS`.
        seed: Seed of everything random.
        size: `(height, width)` of a poster in pixels, at least 64 each.
        overwrite: Replace a folder that is there.

    Returns:
        List of `SamplePoster`, in the order of `labels.csv`.

    Raises:
        UserError: For too few posters, too small ones, a negative seed, or a folder that is there.
    """
    if posters < MIN_POSTERS:
        raise UserError(
            f"{posters} posters are too few for {NUM_GENRES} genres in three splits. "
            f"Ask for at least {MIN_POSTERS}."
        )
    if min(size) < 64:
        raise UserError(f"A poster needs at least 64 pixels a side. Received: {tuple(size)}.")
    if seed < 0:
        raise UserError(f"A seed is a whole number from 0. Received: {seed}.")
    plan = plan_posters(posters, seed)
    with whole_folder(out, overwrite, mark="labels.csv") as folder:
        (folder / "images").mkdir()
        for index in tqdm(range(posters), desc="Drawing", unit="poster", disable=None):
            _save(folder / "images", plan, index, seed, size)
        with whole_file(folder / "labels.csv") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["filename", "genres", "film_id", "title", "year"])
            for poster in plan:
                labels = "|".join(sorted(poster.genres))
                rows.writerow([poster.filename, labels, poster.film_id, poster.title, poster.year])
    return plan


def plan_posters(posters, seed=0):
    """Choose films, genres and titles, without drawing.

    Every genre is kept near its wanted share as the list grows, so any
    beginning of it is balanced alike.

    Returns:
        List of `posters` `SamplePoster`.
    """
    rng = np.random.default_rng([seed, 0])
    wanted = np.array([_SHARES.get(genre, 1.0) for genre in GENRES])
    wanted /= wanted.sum()
    counts = np.zeros(NUM_GENRES)
    plan, titles = [], set()
    for index in range(posters):
        filename = f"poster_{index + 1:04d}.jpg"
        genres = _choose_genres(rng, wanted, counts)
        title = next(
            (new for new in _titles(rng, genres[0]) if new not in titles), f"Untitled {index + 1}"
        )
        titles.add(title)
        year = int(rng.integers(1962, 2025))
        film, again, copy = f"film_{index + 1:04d}", rng.random() < 0.03, None
        earlier = int(rng.integers(max(1, index)))
        if index in _COPIES:
            copy = _COPIES[index]
            genres, title, year = plan[copy].genres, plan[copy].title, plan[copy].year
        elif again and index > 0:
            same = plan[earlier]
            genres, film, title, year = same.genres, same.film_id, same.title, same.year
        for genre in genres:
            counts[GENRES.index(genre)] += 1
        plan.append(SamplePoster(filename, genres, film, title, year, copy))
    return plan


def _titles(rng, genre):
    return (invent_title(rng, genre) for _ in range(50))


def _choose_genres(rng, wanted, counts):
    """Return one to three genres, those that are behind their share first."""
    behind = wanted * (counts.sum() + 30) - counts
    weights = wanted * np.exp(np.clip(4 * behind, -12, 12))
    number = int(rng.choice([1, 2, 3], p=[0.25, 0.49, 0.26]))
    chosen = [GENRES[rng.choice(NUM_GENRES, p=weights / weights.sum())]]
    while len(chosen) < number:
        near = weights.copy()
        for genre in chosen:
            for friend in _FRIENDS[genre]:
                near[GENRES.index(friend)] *= 6
        near[[GENRES.index(genre) for genre in chosen]] = 0
        chosen.append(GENRES[rng.choice(NUM_GENRES, p=near / near.sum())])
    return tuple(chosen)


def _save(folder, plan, index, seed, size):
    poster = plan[index]
    path = folder / poster.filename
    if poster.copy_of is not None:
        with Image.open(folder / plan[poster.copy_of].filename) as image:
            image.save(path, quality=75)
        return
    rng = np.random.default_rng([seed, 1, index])
    image = draw_poster(poster.genres, poster.title, poster.year, rng, size)
    image.save(path, quality=90)
