"""Weights of a headless backbone: from Keras's download or from a file.

Keras loads what fits and can be silent about the rest, so a file is compared
with the backbone, array by array, before anything is loaded.
"""

import hashlib
import re
import urllib.error
from pathlib import Path

import h5py
import numpy as np

from keras_genres.errors import UserError
from keras_genres.hdf5 import require_harmless_weights
from keras_genres.model.backbones import BACKBONES, find_backbone
from keras_genres.model.row import IMAGENET_MEAN, IMAGENET_STD
from keras_genres.model.weight_layout import is_normalization, pair_by_path, pair_in_order


def resolve_weights(settings):
    """Return where the backbone's weights come from: `imagenet`, `none` or a path.

    Args:
        settings: `ModelSettings`. Empty `weights` mean ImageNet, or none
            where Keras has none.

    Raises:
        UserError: If ImageNet weights are asked for that do not exist.
    """
    backbone = find_backbone(settings.backbone)
    wanted = settings.weights or ("imagenet" if backbone.imagenet else "none")
    if wanted.lower() in ("none", "imagenet"):
        wanted = wanted.lower()
    if wanted == "imagenet" and not backbone.imagenet:
        raise UserError(
            f"Keras has no ImageNet weights for {backbone.title}. "
            "Pass --weights FILE or --weights none."
        )
    return wanted


def weights_hash(path):
    """Return the SHA-256 of a weight file, for the record of a run.

    Raises:
        UserError: If there is no such file.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"Cannot read weight file {path}: {error.strerror}.") from None


def explain_download_error(error, backbone):
    """Return a `UserError` for ImageNet weights that could not be downloaded.

    Returns `None` for an error of another kind. `keras.utils.get_file` raises
    a bare `Exception` when the host is out of reach and a `ValueError` when
    the file's hash is wrong, so their texts are looked at.
    """
    reached = isinstance(error, urllib.error.URLError | OSError) or re.search(
        r"URL fetch failure|file corruption|incomplete or corrupted", str(error)
    )
    if not reached:
        return None
    return UserError(
        f"The ImageNet weights of {backbone.title} could not be downloaded ("
        f"{_first_line(error)}). Bring {backbone.weights_file} from a machine that can reach "
        "storage.googleapis.com and pass --weights FILE, or start from random weights with "
        "--weights none."
    )


def load_weight_file(core, path, backbone):
    """Load a weight file into a headless backbone, all of it or nothing.

    Args:
        core: The backbone, as `network.build_backbone` makes it.
        path: A `.weights.h5` of the headless backbone, or a `*_notop.h5` as
            Keras publishes them. Arrays may be float16 or float32.
        backbone: Row of the table.

    Raises:
        UserError: If the file is missing, damaged, of another kind, of another
            network or of a network with its head, holds values that are not
            numbers, or what weights have no need of: see `hdf5`.
    """
    path = Path(path)
    _require_kind(path, backbone)
    require_harmless_weights(path, f"Weight file {path}")
    try:
        with h5py.File(path, "r") as file:
            if "layers" in file:
                slots, groups = pair_by_path(core, file)
            else:
                slots, groups = pair_in_order(core, file, path, backbone)
            _require_same(slots, groups, path, backbone)
            values = {name: _read(groups[name], name, path) for name in groups}
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"Weight file {path} holds more than there is memory for.") from None
    except Exception as error:  # h5py raises many kinds for damage
        raise UserError(
            f"Weight file {path} is damaged or cut short ({_first_line(error)}). Fetch it again."
        ) from None
    _require_pixels(values, path, backbone)
    for name, variables in slots.items():
        for variable, value in zip(variables, values[name], strict=True):
            variable.assign(value.astype("float32"))


def _require_kind(path, backbone):
    expected = f"Expected a .weights.h5 or a *_notop.h5 of {backbone.title} without its head."
    if not path.is_file():
        raise UserError(f"There is no weight file {path}. {expected}")
    if path.suffix not in (".h5", ".hdf5"):
        raise UserError(f"{path} is not a weight file by its name. {expected}")
    if not h5py.is_hdf5(path):
        raise UserError(f"Weight file {path} is damaged or not HDF5. {expected}")


def _require_same(slots, groups, path, backbone):
    """Compare what the file has with what the backbone wants: layers, counts and shapes."""
    shapes = {name: [tuple(item.shape) for item in items] for name, items in groups.items()}
    wanted = {name: [tuple(v.shape) for v in variables] for name, variables in slots.items()}
    ignored = {name for name in shapes if backbone.first_layer and is_normalization(name)}
    extra = [name for name in shapes if name not in wanted and name not in ignored]
    missing = [name for name in wanted if name not in shapes]
    other = [name for name in wanted if name in shapes and shapes[name] != wanted[name]]
    if not (extra or missing or other):
        return
    expected = f"Expected the weights of {backbone.title} without its head (include_top=False)."
    if extra and not missing and not other:
        raise UserError(
            f"{path} holds a network with its head: {len(extra)} layers too many, such as "
            f"{extra[0]!r}. {expected}"
        )
    if any(name.count("layers/") > 1 and name.startswith("layers/functional") for name in extra):
        raise UserError(f"{path} holds a whole network around a backbone. {expected}")
    size = sum(int(np.prod(shape)) for name in shapes for shape in shapes[name])
    twins = [row.title for row in BACKBONES.values() if 0 <= size - row.parameters <= 7]
    guess = f" It looks like {twins[0]}." if twins and twins[0] != backbone.title else ""
    if other:
        name = other[0]
        detail = f"{name!r} has shapes {shapes[name]} where {wanted[name]} are wanted"
    elif missing:
        detail = f"it lacks {len(missing)} of {len(wanted)} layers, such as {missing[0]!r}"
    else:
        detail = f"it has {len(extra)} layers too many, such as {extra[0]!r}"
    raise UserError(f"{path} holds weights of another network: {detail}.{guess} {expected}")


def _read(items, name, path):
    values = [np.asarray(item) for item in items]
    for value in values:
        if value.dtype.kind not in "fiu":
            raise UserError(
                f"{path} holds {value.dtype} in {name!r}, where float16 or float32 is expected."
            )
        if not np.isfinite(value).all():
            raise UserError(
                f"{path} holds values that are not finite numbers in {name!r}: the training that "
                "wrote it diverged, or the file is damaged. Fetch it again or take another."
            )
    return values


def _require_pixels(values, path, backbone):
    """Refuse a file whose own normalisation is not the one our preprocessing stands for."""
    for name in filter(is_normalization, values):
        if not backbone.first_layer:
            continue
        mean, variance = (value.ravel() for value in values[name][:2])
        # Keras's published files hold std where the variance belongs.
        spreads = (np.array(IMAGENET_STD), np.square(IMAGENET_STD))
        if not (
            np.allclose(mean, IMAGENET_MEAN, atol=2e-3)
            and any(np.allclose(variance, spread, atol=2e-3) for spread in spreads)
        ):
            raise UserError(
                f"{path} was trained on pixels normalised by mean {mean.round(3).tolist()} and "
                f"variance {variance.round(3).tolist()}, not by ImageNet's, which keras-genres "
                f"uses for {backbone.title}. Take a file with ImageNet's."
            )


def _first_line(error):
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
