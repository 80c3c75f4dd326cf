"""keras-genres: multi-label film genres from posters."""

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__"]


def __getattr__(name):
    # Late: the command line starts without NumPy and Pillow.
    if name == "Predictor":
        from keras_genres.inference.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
