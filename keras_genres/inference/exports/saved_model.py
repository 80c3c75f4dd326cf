"""A SavedModel that plain TensorFlow or TF Serving can load.

Signatures, all returning `scores` of shape `(N, 19)`:

- `serving_default`: `images`, float32 `(N, H, W, 3)`, RGB 0-255;
- `serve_uint8`: the same in uint8;
- `serve_bytes`: `image_bytes`, string `(N,)`, JPEG or PNG files.

Images of another size than the network's are resized inside the graph as
evaluation does. Genre names, thresholds and calibration are in
`assets.extra/keras_genres.json`.
"""

import tensorflow as tf

from keras_genres.inference.exports.graph import scorer
from keras_genres.input.decode import decode_posters, resize_poster


def write_saved_model(network, folder, fit, calibration=None):
    """Write a SavedModel, without what it tells about itself.

    Args:
        network: The Keras network, on the TensorFlow backend.
        folder: Folder to write into.
        fit: How posters of another shape are fitted: `squeeze`, `crop` or `pad`.
        calibration: A `CalibrationMap` to put into the graph, or `None`.
    """
    height, width = network.input_shape[1:3]
    score = scorer(network, calibration)

    def resized(images):
        def resize():
            found = tf.map_fn(
                lambda image: resize_poster(image, height, width, fit),
                images,
                fn_output_signature=tf.TensorSpec((height, width, 3), tf.uint8),
            )
            return tf.cast(found, tf.float32)

        # Rounding belongs to the resizing: images of the right size pass as they are.
        is_right = tf.reduce_all(tf.shape(images)[1:3] == (height, width))
        images = tf.cond(is_right, lambda: tf.cast(images, tf.float32), resize)
        return tf.ensure_shape(images, (None, height, width, 3))

    shape = (None, None, None, 3)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="images")])
    def serving_default(images):
        return score(resized(images))

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="images")])
    def serve_uint8(images):
        return score(resized(images))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        images = decode_posters(image_bytes, height, width, fit)
        return score(tf.cast(images, tf.float32))

    module = tf.Module()
    # Plain variables only: the SavedModel must not hold Keras objects.
    module.weights = [variable.value for variable in network.variables]
    module.serving_default = serving_default
    module.serve_uint8 = serve_uint8
    module.serve_bytes = serve_bytes
    signatures = {
        "serving_default": serving_default,
        "serve_uint8": serve_uint8,
        "serve_bytes": serve_bytes,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
