"""Stochastic depth: how often residual branches are left out in training."""

from keras import layers

from keras_genres.errors import UserError
from keras_genres.model.backbones import BACKBONES

_FAMILIES = ("efficientnet",)


def set_stochastic_depth(core, rate, backbone):
    """Set how often a backbone's last residual branch is left out in training.

    Lower branches are left out less, in proportion to their depth, as the
    backbone has it: only the largest rate changes. Frozen blocks leave out
    nothing.

    Args:
        core: A backbone whose branches end in dropout of whole posters.
        rate: Largest share of posters that a branch is left out for.
        backbone: Row of the table, for the message.

    Raises:
        UserError: If the backbone has no such branches.

    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth",
    arXiv:1603.09382.
    """
    branches = [layer for layer in core.layers if _drops_posters(layer)]
    if not branches:
        names = [name for name in BACKBONES if name.startswith(_FAMILIES)]
        raise UserError(
            f"{backbone.title} has no branches to leave out: model.stochastic_depth is for "
            f"{', '.join(names)}."
        )
    largest = max(layer.rate for layer in branches)
    for layer in branches:
        layer.rate = rate * layer.rate / largest


def _drops_posters(layer):
    # One chance for a poster, not one for each number of it.
    return isinstance(layer, layers.Dropout) and (layer.noise_shape or ())[1:] == (1, 1, 1)
