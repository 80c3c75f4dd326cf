"""A `.keras` file to a network, after all that can be known of it was looked at."""

import math

import keras

from keras_genres.archive import require_known_network
from keras_genres.errors import UserError
from keras_genres.genres import NUM_GENRES
from keras_genres.model.network import every_layer

_MOST_PER_PIXEL = 512  # numbers a layer makes; our widest makes 64


def load_network(model_file):
    """Load a `.keras` file in safe mode, without its training state.

    Raises:
        UserError: If the file is missing, damaged, or holds what no network of ours has.
    """
    require_known_network(model_file)
    try:
        network = keras.saving.load_model(model_file, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, h5py, JSON and Keras each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{model_file} cannot be loaded: {reason}") from error
    _require_modest(network, model_file)
    return network


def _require_modest(network, model_file):
    """Refuse a network of other inputs and scores, or one that fills the memory with a poster."""
    seen, made = network.input_shape, network.output_shape
    is_sized = len(seen) == 4 and all(type(n) is int and n <= 4096 for n in seen[1:])
    if not is_sized or seen[3] != 3 or made != (None, NUM_GENRES):
        raise UserError(
            f"{model_file} holds another network: it makes {made} of {seen}, where "
            f"{(None, NUM_GENRES)} of RGB posters is expected."
        )
    for layer in every_layer(network):
        for output in keras.tree.flatten(layer.output):
            shape = output.shape[1:]
            if math.prod(shape) > _MOST_PER_PIXEL * math.prod(seen[1:3]):
                raise UserError(
                    f"{model_file} holds another network: {layer.name!r} makes {tuple(shape)} "
                    "numbers of each poster."
                )
