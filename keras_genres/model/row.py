"""What the table says of one backbone, and how its layers fall into blocks."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preprocessing:
    """`pixels * scale + offset` on raw 0–255 RGB, then the channels' order."""

    scale: tuple
    """Factor for red, green and blue."""
    offset: tuple
    """What is added to red, green and blue after that."""
    is_bgr: bool = False
    """Whether the network wants blue first."""


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet, in 0–1."""

PREPROCESSING = {
    "caffe": Preprocessing((1.0,) * 3, (-123.68, -116.779, -103.939), is_bgr=True),
    "tf": Preprocessing((1 / 127.5,) * 3, (-1.0,) * 3),
    "torch": Preprocessing(
        tuple(1 / (255 * std) for std in IMAGENET_STD),
        tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
    ),
    "efficientnetv2": Preprocessing((1 / 128,) * 3, (-1.0,) * 3),
    "lite": Preprocessing((1 / 128,) * 3, (-127 / 128,) * 3),
}
"""What each kind of network wants to see. All of it happens inside ours."""


@dataclass(frozen=True)
class Backbone:
    """One row of the table.

    A block is a stretch of the network's layers in their order, and the table
    gives its first layer. Not every layer can be given by name: some stock
    networks number their layers anew for every network built in a process.
    """

    name: str
    """Name on the command line: lower case, no separators."""
    title: str
    """Name people write."""
    application: str
    """Function of `keras.applications`, or of `keras_genres.model.own`, that builds it."""
    height: int
    """Rows of pixels it was made for."""
    width: int
    """Columns of pixels it was made for."""
    smallest: int
    """Fewest rows and columns it works with."""
    preprocessing: str
    """Key into `PREPROCESSING`."""
    parameters: int
    """Weights without a head."""
    blocks: tuple
    """`(block, start)` from the lowest to the highest. `start` is a regular expression for the
    whole name of the block's first layer; after `after `, of the layer before it. The lowest block
    starts at the input. One block may stand several times in a row."""
    unfreeze: str
    """Blocks opened in the second stage when the settings name none."""
    feature_layer: str
    """Layer whose output is the last feature map, of which `explain` makes its maps: a regular
    expression for its whole name; of several such layers the last is meant."""
    weights_file: str = ""
    """File that Keras downloads the ImageNet weights to; empty: there is none."""
    options: dict = field(default_factory=dict, hash=False)
    """Keyword arguments for the function that builds it."""
    first_layer: str = ""
    """Layer the stock network is cut before, to leave out its own preprocessing."""

    @property
    def imagenet(self):
        """Whether Keras offers ImageNet weights for it."""
        return bool(self.weights_file)

    @property
    def block_names(self):
        """Names of the blocks, from the lowest to the highest."""
        return tuple(dict.fromkeys(name for name, _ in self.blocks))

    def layers_by_block(self, model):
        """Sort a backbone's layers into blocks.

        Args:
            model: The headless network, as `network.backbone_of` gives it.

        Returns:
            Dictionary from block name to list of layers, both in order. Every
            layer is in exactly one block.

        Raises:
            ValueError: If `model` lacks a boundary: it is another network.
        """
        found = {name: [] for name in self.block_names}
        names = [""] + [layer.name for layer in model.layers]
        at = 0
        for before, layer in zip(names, model.layers, strict=False):
            if at + 1 < len(self.blocks) and _starts(self.blocks[at + 1][1], before, layer.name):
                at += 1
            found[self.blocks[at][0]].append(layer)
        if at + 1 < len(self.blocks) or not all(found.values()):
            raise ValueError(
                f"`model` must be a {self.title}: its block {self.blocks[at + 1][0]} was not "
                f"found. Received: {model.name} with {len(model.layers)} layers"
            )
        return found

    def block_maps_of(self, model):
        """Return the symbolic tensors of a feature map of every block, its widest.

        First the network's output, then the others from the lowest block up. A
        model that is made of them in this order has its layers in the old order.
        Of maps with the same number of channels the last counts. Where a block
        ends by mapping many channels to few, as in MobileNets and EfficientNets,
        its widest map says more than its end.

        Args:
            model: The headless network, as `network.backbone_of` gives it.

        Raises:
            ValueError: If `model` is another network.

        Source: activations of all layers, not of blocks' ends alone, are what
            Evci et al. 2022, "Head2Toe", arXiv:2201.03529 select from.
        """
        # Not `layer.output`: a layer of a network that was cut out of another has two.
        found = {
            node.operation: node.output_tensors[0]
            for nodes in model._nodes_by_depth.values()
            for node in nodes
        }
        *lower, _ = self.layers_by_block(model).values()
        return [model.outputs[0], *(_widest([found[each] for each in block]) for block in lower)]

    def feature_map_of(self, model):
        """Return the symbolic tensor of a backbone's last feature map.

        Args:
            model: The headless network, as `network.backbone_of` gives it.

        Raises:
            ValueError: If `model` lacks it: it is another network.
        """
        # Not `layer.output`: a layer of a network that was cut out of another has two.
        for depth in sorted(model._nodes_by_depth):
            for node in model._nodes_by_depth[depth]:
                if re.fullmatch(self.feature_layer, node.operation.name):
                    return node.output_tensors[0]
        raise ValueError(
            f"`model` must be a {self.title}: it has no layer {self.feature_layer}. "
            f"Received: {model.name} with {len(model.layers)} layers"
        )


def _starts(start, before, name):
    if start.startswith("after "):
        return bool(re.fullmatch(start.removeprefix("after "), before))
    return bool(re.fullmatch(start, name))


def _widest(tensors):
    end = tensors[-1]
    # Gates of squeeze-and-excitation are as wide and have one place.
    maps = [each for each in tensors if len(each.shape) == 4 and each.shape[1] >= end.shape[1]]
    return max(reversed(maps), key=lambda each: each.shape[-1])
