"""The history of a training, read back."""

import io

from keras_genres.errors import UserError

_NUMBERS = ["epoch", "loss", "val_loss", "val_macro_f1", "val_macro_f1_tuned", "is_best"]


def read_history(run):
    """Return the `history.csv` of a `Run` as a DataFrame, without rows where it is empty or none.

    Raises:
        UserError: If it is not as it was written, lacks a column, or a number is not one.
    """
    import pandas as pd

    data = run.read(run.history_file) if run.has(run.history_file) else b""
    if not data:
        return pd.DataFrame(columns=["stage", *_NUMBERS])
    try:
        table = pd.read_csv(io.BytesIO(data), dtype={"stage": str})
        table["stage"]  # a KeyError if it is missing
        table[_NUMBERS] = table[_NUMBERS].astype(float)
        return table.astype({"epoch": int})
    except (KeyError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{run.history_file} is not a history of training: {reason}.") from None
