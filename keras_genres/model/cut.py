"""The network cut in two: what is frozen, and what is trained.

Below the lowest open block nothing changes while a stage trains, so its
output for a poster can be computed once and kept. The two halves share the
network's layers: what the tail learns is in the network at once.
"""

import math

import keras
from keras import layers, ops

from keras_genres.model.heads import mean_and_deviation, pooled, scored
from keras_genres.model.network import backbone_of, preprocess

HEAD = "head"
"""Name of the cut where only the head is trained: above the pooling, or above the feature map."""


def find_cut(blocks, backbone):
    """Return the name of the cut below what a stage trains.

    Args:
        blocks: Names of the open blocks.
        backbone: Row of the table.

    Returns:
        The lowest open block, `HEAD` if there is none, or `None` if the
        lowest block of all is open: then nothing is frozen.
    """
    lowest = next((name for name in backbone.block_names if name in blocks), HEAD)
    return None if lowest == backbone.block_names[0] else lowest


def cut_width(network, backbone, cut):
    """Return how many numbers a poster is at a cut."""
    return sum(_size(tensor) for tensor in _tensors_at(network, backbone, cut))


def build_prefix(network, backbone, cuts):
    """Build what lies below some cuts, in one pass over the pixels.

    Call it with `training=False`, as `predict` does.

    Args:
        network: As `build_network` returns it.
        backbone: Row of the table.
        cuts: Names of cuts, as `find_cut` gives them.

    Returns:
        A `keras.Model` from images `(N, height, width, 3)` in 0–255 to a list
        of float32 tensors, one a cut, of shape `(N, cut_width)`. Where several
        tensors cross a cut they stand one after the other.
    """
    core = backbone_of(network)
    groups = [_core_tensors_at(core, backbone, cut) for cut in cuts]
    tensors = [crossing + below for crossing, below in groups]
    flat = [tensor for group in tensors for tensor in group]
    # One pass for all cuts: the higher is computed on top of the lower.
    features = keras.Model(core.inputs, flat)
    images = keras.Input(network.input_shape[1:], dtype="float32", name="images")
    found = features(preprocess(images, backbone))
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    outputs = []
    for cut, (crossing, below) in zip(cuts, groups, strict=True):
        count = len(crossing) + len(below)
        parts, found = found[:count], found[count:]
        if cut == HEAD:
            parts = [pooled(network, parts)]
        else:
            ended = [mean_and_deviation(part) for part in parts[len(crossing) :]]
            parts = parts[: len(crossing)] + ended
        rows = [ops.reshape(ops.cast(part, "float32"), (-1, _size(part))) for part in parts]
        outputs.append(rows[0] if len(rows) == 1 else ops.concatenate(rows, axis=-1))
    return keras.Model(images, outputs, name=f"{network.name}_prefix")


def build_tail(network, backbone, cut, dtype="float32"):
    """Build what lies above a cut, on the network's own layers.

    Args:
        network: As `build_network` returns it.
        backbone: Row of the table.
        cut: Name of the cut.
        dtype: Number format in which the kept rows come.

    Returns:
        A `keras.Model` from rows of shape `(N, cut_width)` to scores `(N, 19)`.
    """
    tensors = _tensors_at(network, backbone, cut)
    rows = keras.Input((sum(map(_size, tensors)),), dtype=dtype, name="activations")
    parts, start = [], 0
    for tensor in tensors:
        part = rows[:, start : start + _size(tensor)] if len(tensors) > 1 else rows
        # The policy of the layers above takes it from here.
        parts.append(layers.Reshape(tensor.shape[1:])(ops.cast(part, tensor.dtype)))
        start += _size(tensor)
    if cut == HEAD:
        x = parts[0]
    else:
        core = backbone_of(network)
        crossing, below = _core_tensors_at(core, backbone, cut)
        kept = dict(zip(map(id, below), parts[len(crossing) :], strict=True))
        above = [each for each in core.outputs if id(each) not in kept]
        found = keras.Model(crossing, above)(parts[: len(crossing)])
        kept |= zip(map(id, above), found, strict=True)
        x = pooled(network, [kept[id(tensor)] for tensor in core.outputs])
    return keras.Model(rows, scored(network, x), name=f"{network.name}_tail")


def prefix_weights(network, backbone, cut):
    """Return the values of all weights below a cut, in the order of the layers."""
    core = backbone_of(network)
    if cut == HEAD:
        below = core.layers
    else:
        found = backbone.layers_by_block(core)
        names = backbone.block_names
        below = [layer for name in names[: names.index(cut)] for layer in found[name]]
    return [value for layer in below for value in layer.get_weights()]


def _tensors_at(network, backbone, cut):
    """Return symbolic tensors of the shapes that are kept at a cut."""
    core = backbone_of(network)
    if cut == HEAD:
        return [pooled(network, core.outputs)]
    crossing, below = _core_tensors_at(core, backbone, cut)
    return crossing + [mean_and_deviation(tensor) for tensor in below]


def _core_tensors_at(core, backbone, cut):
    """Return the symbolic tensors that cross a cut inside the backbone, and outputs below it."""
    if cut == HEAD:
        return list(core.outputs), []
    names = backbone.block_names
    found = backbone.layers_by_block(core)
    upper = {id(layer) for name in names[names.index(cut) :] for layer in found[name]}
    above, crossing = set(), {}
    # Not by block alone: what stands between two layers, such as the sum that
    # ends a residual branch, may be an operation and no layer.
    for depth in sorted(core._nodes_by_depth, reverse=True):
        for node in core._nodes_by_depth[depth]:
            is_above = id(node.operation) in upper or any(
                id(tensor) in above for tensor in node.input_tensors
            )
            if is_above:
                above |= {id(tensor) for tensor in node.output_tensors}
                crossing |= {
                    id(tensor): tensor for tensor in node.input_tensors if id(tensor) not in above
                }
    return list(crossing.values()), [each for each in core.outputs if id(each) not in above]


def _size(tensor):
    return math.prod(tensor.shape[1:])
