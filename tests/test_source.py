import numpy as np

from keras_genres.data.source import GENRE_BIT, Entry, Rows
from keras_genres.genres import GENRES


def entries():
    rows = Rows(["title"])
    for name, genres, film, title in (
        ("b", ["War"], "2", "B"),
        ("c", ["Drama"], "", "C"),
        ("a", ["Drama"], "1", "A"),
        ("b", ["Drama"], "10", "again"),
        ("c", ["Drama"], "", "again"),
    ):
        rows.add(name, sum(GENRE_BIT[genre] for genre in genres), film, {"title": title})
    return rows.entries()


def test_rows_of_one_name_are_one_entry_with_the_extra_of_the_first():
    found, repeated = entries()
    assert list(found) == [
        Entry("a", frozenset({"Drama"}), frozenset({"1"}), {"title": "A"}),
        Entry("b", frozenset({"Drama", "War"}), frozenset({"2", "10"}), {"title": "B"}),
        Entry("c", frozenset({"Drama"}), frozenset(), {"title": "C"}),
    ]
    assert repeated.tolist() == [1, 2]
    assert found.differed.tolist() == [False, True, False]


def test_entries_that_are_taken_are_whole():
    found = entries()[0]
    rows = np.array([1, 2])
    assert list(found.take(rows)) == [found[1], found[2]]
    assert found.take(rows).differed.tolist() == [True, False]
    assert list(found.take(np.array([], dtype=int))) == []
    assert found.take(np.arange(3)) is found


def test_labels_hold_the_genres_in_index_order():
    labels = entries()[0].labels()
    assert (labels.dtype, labels.shape) == (np.uint8, (3, 19))
    assert [[GENRES[g] for g in np.flatnonzero(row)] for row in labels] == [
        ["Drama"],
        ["Drama", "War"],
        ["Drama"],
    ]


def test_film_rows_number_films_as_they_sort():
    found = entries()[0]
    posters, rows, numbers = found.film_rows()
    assert posters.tolist() == [0, 1, 1]
    assert [found.films[row] for row in rows] == ["1", "2", "10"]
    assert np.argsort(numbers).tolist() == [0, 2, 1]  # "1" < "10" < "2"
    assert [found.films_or_name(row) for row in range(3)] == [{"1"}, {"2", "10"}, {"c"}]


def test_no_rows_make_no_entries():
    found, repeated = Rows().entries()
    assert (len(found), len(repeated), found.labels().shape) == (0, 0, (0, 19))
    assert [part.tolist() for part in found.film_rows()] == [[], [], []]
