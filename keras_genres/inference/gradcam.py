"""Where a network sees a genre: Grad-CAM on its last feature map.

Source: Selvaraju et al. 2017, arXiv:1610.02391.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_genres.errors import UserError
from keras_genres.genres import genre_columns
from keras_genres.model.average import members_of
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.heads import logits_of, mean_and_deviation
from keras_genres.model.network import backbone_of


def grad_cam(network, images, genres):
    """Return where in posters a network sees genres.

    What speaks for a genre counts, and what speaks against it does not. Each
    map is divided by its own peak, so it compares places and not genres:
    whether a genre is there at all, only its score tells.

    The first call for a network takes seconds, the next ones little more than
    a pass over the posters, whatever the number of genres.

    Args:
        network: As `network.build_network` makes it, or loaded from a file.
        images: Posters of shape `(N, height, width, 3)`, RGB in 0–255, a batch
            that fits into memory at once.
        genres: Names of genres, or their columns in the scores.

    Returns:
        float32 array of shape `(N, genres, rows, columns)` in [0, 1], rows and
        columns of the backbone's last feature map (7 × 7 for 224 × 224
        pixels, 14 × 14 for a VGG). All 0 where nothing speaks for the genre.

    Raises:
        UserError: If the network is an ensemble, or its backbone is not of the table.
        ValueError: If an image has another size or a genre is unknown.
    """
    return _cam_of(network)(images, genres)


class GradCam:
    """A network cut at its last feature map; see `grad_cam`.

    The two parts share the network's weights: what it learns later counts.

    Args:
        network: As for `grad_cam`.
    """

    def __init__(self, network):
        if members_of(network):
            raise UserError(
                "Grad-CAM looks at the last feature map, and an ensemble has one for each of its "
                "networks. Take the run folder of one of them, or --method occlusion."
            )
        core = backbone_of(network)
        if core.name not in BACKBONES:
            raise UserError(
                f"Grad-CAM does not know the last feature map of {core.name!r}: no backbone of "
                "`keras-genres backbones` is called so. Use occlusion."
            )
        seen = BACKBONES[core.name].feature_map_of(core)
        before = network.operations[network.operations.index(core) - 1].output
        # A head that looks at lower blocks, too, keeps what it saw there.
        found = keras.Model(core.inputs, [seen, *core.outputs[1:]])(before)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        lower = [mean_and_deviation(each) for each in found[1:]]
        self._features = keras.Model(network.input, [found[0], *lower])
        # On TensorFlow, XLA compiles for longer than a run of posters takes on a CPU.
        self._features.compile(jit_compile=keras.backend.backend() == "jax")
        # What stands between the feature map and the pooling: a VGG's last pooling, mostly nothing.
        last = core.outputs[0]
        self._upper = None if seen is last else keras.Model(seen, last)
        self._network = network
        self._shape = tuple(network.input_shape[1:])

    def __call__(self, images, genres):
        """Return maps as `grad_cam` does."""
        images, columns = np.asarray(images), genre_columns(genres)
        if images.shape[1:] != self._shape:
            raise ValueError(
                f"`images` must have shape (N, {', '.join(map(str, self._shape))}). "
                f"Received: images.shape={images.shape}"
            )
        found = self._features.predict_on_batch(images.astype("float32"))
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        features, *lower = (ops.convert_to_tensor(each, "float32") for each in found)
        maps = [self._map(features, slope) for slope in self._slopes(features, lower, columns)]
        maps = np.stack(maps, axis=1) if maps else np.zeros((len(images), 0, *features.shape[1:3]))
        peaks = maps.max(axis=(2, 3), keepdims=True, initial=0)
        return np.divide(maps, peaks, out=np.zeros(maps.shape, "float32"), where=peaks > 0)

    @staticmethod
    def _map(features, slope):
        weights = ops.mean(slope, axis=(1, 2), keepdims=True)
        return ops.convert_to_numpy(ops.relu(ops.sum(weights * features, axis=-1)))

    def _logits(self, features, lower):
        """Return logits, times the places of the feature map.

        The maps stay the same, and slopes through a pooling in float16 do not
        vanish when it divides by the places.
        """
        places = features.shape[1] * features.shape[2]
        x = features if self._upper is None else self._upper(features, training=False)
        return logits_of(self._network, [x, *lower]) * places

    def _slopes(self, features, lower, columns):
        """Return the gradient of each genre's logit by the feature map, shaped like the map."""
        if keras.backend.backend() == "jax":
            import jax

            logits, slopes_of = jax.vjp(lambda x: self._logits(x, lower), features)
            ones = np.eye(logits.shape[-1], dtype="float32")[columns]
            return [slopes_of(ops.broadcast_to(one, logits.shape))[0] for one in ones]
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            tape.watch(features)
            logits = self._logits(features, lower)
            parts = [logits[:, column] for column in columns]
        return [tape.gradient(part, features) for part in parts]


_cam_of = functools.lru_cache(maxsize=2)(GradCam)
