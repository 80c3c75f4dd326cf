import pytest

from keras_genres.errors import UserError, is_printable, one_line


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("poster\u202egpj.exe", r"poster\u202egpj.exe"),
        ("\udcff", r"\udcff"),
        ("Amélie – 東京 👩\u200d🚀 می\u200cخواهم", None),
    ],
)
def test_a_line_does_to_a_terminal_what_it_says(text, shown):
    assert one_line(text) == (shown or text)
    assert is_printable(text) == (shown is None)


def test_an_error_is_one_line_of_bounded_length_whatever_it_names():
    message = str(UserError("x" * 10_000 + "\n" * 10_000))
    assert len(message) == 2000 and message.endswith("x …")
    assert str(UserError("a\r\nb")) == r"a\r\nb"
