"""The one exception that a user can mend."""


class UserError(Exception):
    """Something wrong with the input, the settings or the machine that the user can mend.

    The message is one line: what is wrong, what was expected, what came and
    what to do. The command line prints it and exits with 1. Every other
    exception is a bug of ours and keeps its traceback.
    """
