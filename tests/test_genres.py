import pytest

from keras_genres.errors import UserError
from keras_genres.genres import GENRES, NUM_GENRES, find_genre, nearest_genre, parse_genre


def test_genres_are_the_papers_19_in_index_order():
    assert NUM_GENRES == 19
    assert GENRES[0] == "Action" and GENRES[15] == "Sci-Fi" and GENRES[18] == "War"
    assert list(GENRES) == sorted(GENRES)


@pytest.mark.parametrize("name", ["sci_fi", "SCIENCE FICTION", "Sci-Fi", " scifi ", "Sci - Fi"])
def test_case_spaces_hyphens_and_underscores_do_not_count(name):
    assert find_genre(name) == "Sci-Fi"


def test_an_unknown_genre_is_answered_with_the_nearest_name():
    assert find_genre("Western") is None
    assert nearest_genre("Documentry") == "Documentary"
    with pytest.raises(UserError, match=r"Unknown genre 'Musical'. Did you mean 'Music'"):
        parse_genre("Musical")
