"""What model does a path mean? Looked up without Keras."""

from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.runs import Run


def find_model(path):
    """Return the `Run` of a run folder or of its `model.keras`, or the path of another `.keras`.

    Raises:
        UserError: If there is neither.
    """
    path = Path(path)
    if path.suffix != ".keras" or path.is_dir():
        return Run.open(path)
    run = Run(path.parent)
    if path == run.model_file and run.is_run():
        return Run.open(path.parent)
    if not path.is_file():
        raise UserError(f"There is no model {path}.")
    return path
