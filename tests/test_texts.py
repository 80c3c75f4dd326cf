import numpy as np

from keras_genres.data.texts import Texts

WORDS = ["b", "", "ä.jpg", "a", "b", "日本", "😀", "a\udcff", "a"]


def test_texts_come_back_as_they_went_in():
    texts = Texts(WORDS)
    assert list(texts) == WORDS
    assert (len(texts), texts[2], texts[7]) == (9, "ä.jpg", "a\udcff")
    assert list(texts.take(np.array([5, 0]))) == ["日本", "b"]


def test_texts_sort_as_python_sorts_and_equal_ones_stay_in_order():
    assert Texts(WORDS).order().tolist() == sorted(range(9), key=WORDS.__getitem__)


def test_equal_texts_have_one_number_and_numbers_grow_as_texts_do():
    ranks = sorted(set(WORDS))
    assert Texts(WORDS).numbers().tolist() == [ranks.index(word) for word in WORDS]


def test_an_array_is_as_wide_as_the_longest_text():
    assert Texts(["a", "bcd"]).array().tolist() == ["a", "bcd"]
    assert Texts(["a", "bcd"]).array().dtype == "U3"
    assert Texts().array().shape == Texts().order().shape == Texts().numbers().shape == (0,)
