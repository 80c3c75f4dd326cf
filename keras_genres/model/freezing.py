"""Which blocks of the backbone are trained."""

import difflib
import re

import keras
import numpy as np

from keras_genres.errors import UserError
from keras_genres.model.network import backbone_of

_RATES = ("rate", "drop_path_rate")  # of Dropout, and of ConvNeXt's StochasticDepth


def parse_unfreeze(text, backbone):
    """Return the blocks that `text` opens.

    Args:
        text: `all`, `none`, or blocks with commas between: `block6`, `top`,
            `blocks 4-6`, `blocks 4-top`. A bare number is the block that ends
            with it. Empty: the backbone's default.
        backbone: Row of the table.

    Returns:
        Tuple of block names, from the lowest to the highest.

    Raises:
        UserError: For an unknown block or a range from high to low; it lists
            the backbone's blocks.

    Example:
        >>> parse_unfreeze("blocks 5-6, top", BACKBONES["efficientnetv2s"])
        ('block5', 'block6', 'top')
    """
    names = backbone.block_names
    text = " ".join((text or backbone.unfreeze).lower().split())
    if text == "all":
        return names
    if text == "none":
        return ()
    opened = set()
    for part in text.split(","):
        ends = [_find(end, text, backbone) for end in re.split(r"\s*(?:-|–|\.\.)\s*", part.strip())]
        low, high = ends[0], ends[-1]
        if len(ends) > 2 or low > high:
            raise UserError(
                f"{part.strip()!r} is not a range of blocks: write the lower one first, as in "
                f"'blocks {backbone.block_names[-2]}-{backbone.block_names[-1]}'. {_list(backbone)}"
            )
        opened |= set(names[low : high + 1])
    return tuple(name for name in names if name in opened)


def _find(word, text, backbone):
    names = backbone.block_names
    word = re.sub(r"^blocks?\s+", "", word.strip())
    word = re.sub(r"\s+", "", word)
    for at, name in enumerate(names):
        if word == name or (word.isdigit() and re.fullmatch(rf"\D+0*{int(word)}", name)):
            return at
    near = difflib.get_close_matches(word, [*names, "all", "none"], n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UserError(f"There is no block {word!r} to unfreeze in {text!r}.{hint} {_list(backbone)}")


def _list(backbone):
    names = ", ".join(backbone.block_names)
    return f"{backbone.title} has {names}; or write all, none or a range such as 'blocks 4-6'."


def set_open_blocks(network, backbone, blocks, keep_batchnorm_still=True):
    """Set what is trained: the named blocks and always the head.

    Closed blocks become a fixed function of the pixels: their dropout and
    drop-connect rest too, which Keras would go on drawing. Compile again
    afterwards: a compiled training step does not see the change.

    Args:
        network: As `build_network` returns it, or loaded from a file.
        backbone: Row of the table.
        blocks: Names of blocks to train, as `parse_unfreeze` gives them.
        keep_batchnorm_still: Leave BatchNormalization of open blocks out, so
            that it neither learns nor moves its averages. Calling the
            backbone with `training=False` would not do that in Keras 3.

    Raises:
        ValueError: If a block is unknown or `network` has another backbone.
    """
    core = backbone_of(network)
    unknown = set(blocks) - set(backbone.block_names)
    if unknown:
        raise ValueError(f"`blocks` must be of {backbone.block_names}. Received: {sorted(unknown)}")
    # A closed parent would hide its open children, so everything is opened first.
    network.trainable = True
    for name, layers in backbone.layers_by_block(core).items():
        for layer in layers:
            layer.trainable = name in blocks
            _still_dropout(layer, is_still=name not in blocks)
    if keep_batchnorm_still:
        for layer in _leaves(core):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def _still_dropout(layer, is_still):
    for leaf in _leaves(layer):
        for name in _RATES:
            rate = getattr(leaf, name, None)
            if isinstance(rate, (int, float)):
                # The rate that was built is kept on the layer, for when its block opens.
                built = leaf.__dict__.setdefault("_built_rate", rate)
                setattr(leaf, name, 0.0 if is_still else built)


def count_parameters(network):
    """Return the number of trained weights and of all weights."""
    return tuple(
        sum(int(np.prod(variable.shape)) for variable in variables)
        for variables in (network.trainable_variables, network.weights)
    )


def _leaves(layer):
    children = getattr(layer, "layers", None)
    if not children:
        return [layer]
    return [leaf for child in children for leaf in _leaves(child)]
