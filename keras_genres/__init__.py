"""keras-genres: multi-label film genres from posters."""

__version__ = "0.1.0"
