"""Why a model gives a poster its genres, as pictures and as JSON."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_genres import __version__
from keras_genres.data.quality import load_picture
from keras_genres.errors import UserError
from keras_genres.evaluation.figures.style import house_style
from keras_genres.files import whole_folder, write_json
from keras_genres.genres import GENRES, find_genre, nearest_genre
from keras_genres.inference.explain_panel import panel
from keras_genres.inference.occlusion import lowered, occlusion
from keras_genres.inference.overlay import overlay

METHODS = ("gradcam", "occlusion")
EXPLANATION = "explanation.json"
_MOST_PIXELS = 2048  # of an overlay's longer side: a scan of 50 megapixels shows nothing more
_DIGITS = 4


@dataclass(frozen=True)
class Explanation:
    """What speaks for some genres of one poster. Arrays are in the order of `genres`."""

    genres: tuple
    """Names."""
    scores: np.ndarray
    """Float array of shape `(genres,)`."""
    thresholds: np.ndarray
    """Same shape: a genre is given whose score reaches its threshold."""
    maps: dict
    """By method, arrays of shape `(genres, rows, columns)` laid evenly over what the model saw.
    `gradcam`: in [0, 1], each divided by its peak. `occlusion`: loss of the logit."""
    fit: str
    """How the poster became what the model saw; see `overlay.overlay`."""
    height: int
    """Rows of pixels the model saw."""
    width: int
    """Columns of pixels."""

    @property
    def picks(self):
        """Whether each genre is given to the poster, bool array of shape `(genres,)`."""
        return self.scores >= self.thresholds

    @property
    def agreement(self):
        """Rank correlation of the two methods for each genre; `None` unless there are both."""
        if len(self.maps) < 2:
            return None
        return [agreement(*pair) for pair in zip(*self.maps.values(), strict=True)]

    @property
    def covered_scores(self):
        """Each genre's score while a patch hides the part that costs it most, float array of
        shape `(genres,)`: the mean over the patches on that part. `None` without occlusion."""
        if "occlusion" not in self.maps:
            return None
        return lowered(self.scores, [each.max() for each in self.maps["occlusion"]])

    def as_text(self):
        """Return the genres as a table, a line each."""
        lines = [f"{'genre':<13}{'score':>6}{'threshold':>11}  given"]
        agreements = self.agreement
        lines[0] += "  agreement of the methods" if agreements else ""
        for index, genre in enumerate(self.genres):
            given = "yes" if self.picks[index] else "no"
            line = (
                f"{genre:<13}{self.scores[index]:>6.2f}{self.thresholds[index]:>11.2f}  {given:<5}"
            )
            if agreements:
                each = agreements[index]
                line += "  none" if each is None else f"  {each:+.2f}"
            lines.append(line.rstrip())
        return "\n".join(lines)

    def overlays(self, picture, method):
        """Return `picture` once for each genre, with the map of a method on it."""
        view = (self.fit, self.height, self.width)
        return [overlay(picture, shown(each), *view) for each in self.maps[method]]


def explain(model, poster, out=None, genres=(), top=3, method=None, overwrite=False):
    """Write a folder that says why a model gives a poster its genres.

    In it are `panel.png`, the genres side by side; an overlay for each genre
    and method, as `sci-fi-gradcam.png`; and `explanation.json`.

    Args:
        model: Run folder, `.keras` file or exported model.
        poster: Path of a picture.
        out: Folder to make; `None` for `NAME-explained` in the current folder.
        genres: Names of genres to explain; empty for those of the highest scores.
        top: How many of those.
        method: `gradcam`, `occlusion` or `both`; `None` for Grad-CAM where the
            model is a network of Keras and no ensemble, else occlusion.
        overwrite: Replace an explanation that is there.

    Returns:
        The folder and the `Explanation`.

    Raises:
        UserError: If the model or the poster cannot be used, a genre is
            unknown, Grad-CAM is asked of an exported model or an ensemble, or
            the folder is there already.
    """
    from keras_genres.inference.predictor import Predictor

    genres = [genre_called(name) for name in genres]
    out = Path(f"{Path(poster).stem}-explained" if out is None else out)
    predictor = Predictor.load(model)
    picture = load_picture(poster, predictor.max_megapixels)
    found = explain_image(predictor.runtime, predictor.read(picture), genres, top, method)
    picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS), Image.Resampling.LANCZOS)
    name, metadata = Path(poster).name, predictor.metadata
    with whole_folder(out, overwrite, mark=EXPLANATION) as scratch:
        overlays = {each: found.overlays(picture, each) for each in found.maps}
        for each, pictures in overlays.items():
            for genre, laid in zip(found.genres, pictures, strict=True):
                laid.save(scratch / overlay_name(genre, each))
        told = {"poster": name, "model": str(model), **_about(metadata)}
        write_json(scratch / EXPLANATION, told | to_dict(found))
        with house_style():
            sheet = panel(found, picture, overlays, name, Path(model).name, metadata["backbone"])
            sheet.save(scratch, "panel")
    return out, found


def explain_image(runtime, image, genres=(), top=3, method=None):
    """Return the `Explanation` of one poster as a model sees it.

    Args:
        runtime: The opened model, as `runtimes.open_model` returns it.
        image: uint8 array of shape `(height, width, 3)`.
        genres, top, method: As for `explain`; genres spelled as in `GENRES`.

    Raises:
        UserError: If Grad-CAM is asked of a model that is no single network of Keras.
    """
    network = runtime.network
    method = method or ("gradcam" if runtime.has_feature_map else "occlusion")
    methods = METHODS if method == "both" else (method,)
    if "gradcam" in methods and network is None:
        raise UserError(
            "Grad-CAM looks into the network, and an exported model does not let it. Take the run "
            "folder or its model.keras, or --method occlusion."
        )
    scores, thresholds = np.asarray(runtime.score(image[None]))[0], np.asarray(runtime.thresholds)
    if genres:
        columns = [GENRES.index(genre) for genre in dict.fromkeys(genres)]
    else:
        columns = np.argsort(-scores, kind="stable")[:top]
    maps = {}
    for each in methods:
        if each == "gradcam":
            from keras_genres.inference.gradcam import grad_cam

            maps[each] = grad_cam(network, image[None], columns)[0]
        else:
            maps[each] = occlusion(runtime.score, image, columns)
    names = tuple(GENRES[column] for column in columns)
    view = (runtime.fit, *image.shape[:2])
    return Explanation(names, scores[columns], thresholds[columns], maps, *view)


def shown(evidence):
    """Return a map in [0, 1]: what speaks for the genre, divided by its peak."""
    evidence = np.maximum(evidence, 0)
    peak = evidence.max()
    return evidence / peak if peak > 0 else evidence


def agreement(first, second):
    """Return the rank correlation of two maps of one poster; the smaller is enlarged first.

    On real posters, maps of one genre by the two methods agreed at 0.25 to 0.55
    in the mean, by the backbone, and those of two genres at about 0.05.

    Args:
        first: Map of shape `(rows, columns)`.
        second: Another, of any shape.

    Returns:
        Spearman's coefficient in [-1, 1]; `None` if a map is the same everywhere.
    """
    size = max(np.shape(first), np.shape(second), key=np.prod)[::-1]
    ranks = [_ranks(_resized(each, size)) for each in (first, second)]
    if not all(each.std() for each in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _resized(evidence, size):
    image = Image.fromarray(np.asarray(evidence, "float32"))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR)).round(6)


def _ranks(values):
    """Return ranks of values, equal ones sharing the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which.ravel()]


def to_dict(found):
    """Return an `Explanation` for JSON."""
    agreements = found.agreement or [None] * len(found.genres)
    covered, rows = found.covered_scores, []
    for index, genre in enumerate(found.genres):
        row = {
            "genre": genre,
            "score": round(float(found.scores[index]), 6),
            "threshold": round(float(found.thresholds[index]), 6),
            "given": bool(found.picks[index]),
        }
        if covered is not None:
            row["covered_score"] = round(float(covered[index]), 6)
        for method, maps in found.maps.items():
            row[method] = np.round(maps[index].astype(float), _DIGITS).tolist()
        if len(found.maps) > 1:
            each = agreements[index]
            row["agreement"] = None if each is None else round(each, _DIGITS)
        rows.append(row)
    return {
        "methods": {method: _MEANINGS[method] for method in found.maps},
        "height": found.height,
        "width": found.width,
        "fit": found.fit,
        "genres": rows,
    }


_MEANINGS = {
    "gradcam": "Grad-CAM on the last feature map, of the logit; each map divided by its peak",
    "occlusion": "loss of the logit where a grey patch of a quarter each way hides the poster; "
    "covered_score is the score while one hides the part where the loss is largest",
}


def genre_called(name):
    """Return the genre that a person means who asks for one, as `find_genre` matches names.

    Raises:
        UserError: If no genre is called so; it names the nearest one, and all.
    """
    genre = find_genre(name)
    if genre is None:
        raise UserError(
            f"Unknown genre {name!r}. Did you mean {nearest_genre(name)!r}? The genres are "
            f"{', '.join(GENRES)}."
        )
    return genre


def overlay_name(genre, method):
    """Return the name of the overlay's file of a genre and method."""
    return f"{genre.lower()}-{method}.png"


def _about(metadata):
    return {
        "backbone": metadata["backbone"],
        "split_sha256": metadata["split_sha256"],
        "model_version": metadata.get("tool_version"),
        "tool_version": __version__,
    }
