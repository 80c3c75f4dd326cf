"""The one exception that a user can mend, and text that fits into one line."""

import unicodedata

_MOST_CHARACTERS = 2000
_JOINERS = "\u200c\u200d"  # letters of some languages and many emoji need them


def is_printable(text):
    """Whether a text has no line ends, control characters, signs that turn it round, or no-text."""
    return text.isprintable() or not any(map(_is_hidden, text))


def one_line(text, most=_MOST_CHARACTERS):
    r"""Return a text as one line that does to a terminal what it says.

    Names of files and cells of tables may hold line ends, codes that move a
    cursor, or marks that turn a line round; they are shown as escapes.

    Args:
        text: The text.
        most: Characters after which it is cut.

    Example:
        >>> one_line("a\nb\x1b[2J")
        'a\\nb\\x1b[2J'
    """
    text = str(text)
    if len(text) > most:
        text = text[: most - 2] + " …"
    if is_printable(text):
        return text
    return "".join(
        char.encode("unicode_escape").decode() if _is_hidden(char) else char for char in text
    )


def _is_hidden(char):
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in _JOINERS


class UserError(Exception):
    """Something wrong with the input, the settings or the machine that the user can mend.

    The message is one line: what is wrong, what was expected, what came and
    what to do. The command line prints it and exits with 1. Every other
    exception is a bug of ours and keeps its traceback.
    """

    def __init__(self, message):
        super().__init__(one_line(message))
