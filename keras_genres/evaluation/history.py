"""The history of a training, read back."""

from keras_genres.errors import UserError

_NUMBERS = ["epoch", "loss", "val_loss", "val_macro_f1", "val_macro_f1_tuned", "is_best"]


def read_history(path):
    """Return `history.csv` as a DataFrame, without rows where it is missing or empty.

    Raises:
        UserError: If it lacks a column, or a number is not one.
    """
    import pandas as pd

    if not path.exists() or not path.stat().st_size:
        return pd.DataFrame(columns=["stage", *_NUMBERS])
    try:
        table = pd.read_csv(path, dtype={"stage": str})
        table["stage"]  # a KeyError if it is missing
        table[_NUMBERS] = table[_NUMBERS].astype(float)
        return table.astype({"epoch": int})
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} is not a history of training: {reason}. Move it away to report without it."
        ) from None
