"""How weight files of Keras 3 and Keras 2 are laid out, beside a network's variables."""

import re
from pathlib import Path

import h5py

from keras_genres.errors import UserError

_MOST_NAMES = 10_000


def pair_by_path(core, file):
    """Pair variables and arrays of a `.weights.h5`: both are named by class and count.

    Args:
        core: A headless backbone.
        file: The open `h5py.File`.

    Returns:
        Two dictionaries, from layer to the backbone's variables and from
        layer to the file's arrays. They are equal in keys and shapes only if
        the file fits.
    """
    slots = {}
    _collect_slots(core, "layers", slots)
    groups = {}

    def visit(name, item):
        if not isinstance(name, str):  # h5py gives bytes for a name that is no text
            raise ValueError("a name in it is no text")
        if isinstance(item, h5py.Dataset) and not re.search(r"seed_generator|^optimizer/", name):
            groups.setdefault(name.removesuffix(f"/vars/{Path(name).name}"), []).append(item)

    file.visititems(visit)
    for name, items in groups.items():
        groups[name] = sorted(items, key=lambda item: int(Path(item.name).name))
    return slots, groups


def _collect_slots(model, prefix, slots):
    counts = {}
    for layer in model.layers:
        kind = _snake_case(type(layer).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        name = f"{prefix}/{kind}" + (f"_{number}" if number else "")
        if getattr(layer, "layers", None):
            _collect_slots(layer, f"{name}/layers", slots)
        elif layer.weights:
            slots[name] = layer.trainable_weights + layer.non_trainable_weights


def _snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def pair_in_order(core, file, path, backbone):
    """Pair variables and arrays of a file of Keras 2: both lie in the order of the layers.

    Args:
        core: A headless backbone.
        file: The open `h5py.File`.
        path: Its path, for the message.
        backbone: Row of the table, for the message.

    Returns:
        As `pair_by_path`.

    Raises:
        UserError: If the file has no layers as Keras writes them.
    """
    root = file.get("model_weights", file)
    names = _names(root, "layer_names")
    if not names:
        raise UserError(
            f"{path} holds no weights that Keras wrote. Expected a .weights.h5 or a *_notop.h5 "
            f"of {backbone.title} without its head."
        )
    groups = {}
    for name in names:
        weights = _names(root[name], "weight_names")
        if weights:
            groups[name] = [root[name][weight] for weight in weights]
    layers = [layer for layer in core.layers if layer.weights]
    ours = [layer.trainable_weights + layer.non_trainable_weights for layer in layers]
    # Keras pairs by order, not by name: names differ with each network built in a process.
    paired = [name for name in groups if not is_normalization(name)]
    slots = dict(zip(paired, ours, strict=False))
    for at in range(len(paired), len(layers)):
        slots[f"{layers[at].name} (layer {at})"] = ours[at]
    return slots, groups


def _names(group, key):
    """Read a list of names, which Keras splits over `key0`, `key1` … when it is long."""
    parts = [key] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs:
        parts.append(f"{key}{len(parts)}")
    for part in parts:
        about = group.attrs.get_id(part)
        if about.shape is None or len(about.shape) != 1 or about.shape[0] > _MOST_NAMES:
            raise ValueError(f"{part} is no list of names")
    names = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def is_normalization(name):
    """Whether a layer of a weight file is EfficientNet's own normalisation of pixels."""
    return re.fullmatch(r"(layers/)?normalization(_\d+)?", name) is not None
