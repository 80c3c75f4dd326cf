"""A LiteRT file: `images`, float32 `(1, height, width, 3)`, RGB 0-255, to `scores` `(1, 19)`.

Preprocessing and calibration are in the graph. Behind the model stands a zip
archive, as the format keeps files that belong to a model, with what it tells
about itself in `keras_genres.json`. Runtimes pass it over; any zip tool reads it.
"""

import zipfile

import numpy as np
import tensorflow as tf

from keras_genres.archive import METADATA
from keras_genres.files import json_text
from keras_genres.inference.exports.graph import in_float32, trace

QUANTIZED = ("float16", "int8")


def write_litert(network, path, metadata, calibration=None, quantize=None, sample=()):
    """Write a LiteRT file of a network.

    Args:
        network: The Keras network, on the TensorFlow backend. One of mixed
            precision computes in float32 from then on.
        path: File to write.
        metadata: What the model tells about itself.
        calibration: A `CalibrationMap` to put into the graph, or `None`.
        quantize: `None`, `float16` to store weights in half the bytes, or
            `int8` to compute in whole numbers too.
        sample: For `int8`, posters whose numbers in each layer set the scales
            of the whole numbers, uint8 array `(N, height, width, 3)`.
    """
    function = trace(in_float32(network), calibration, batch=1)
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.score = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        converter.representative_dataset = lambda: (
            [image[None].astype(np.float32)] for image in sample
        )
    with open(path, "wb") as file:
        file.write(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA), json_text(metadata))  # a fixed date
