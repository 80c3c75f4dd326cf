"""A LiteRT file: `images`, float32 `(1, height, width, 3)`, RGB 0-255, to `scores` `(1, 19)`.

Preprocessing and calibration are in the graph. Behind the model stands a zip
archive, as the format keeps files that belong to a model, with what it tells
about itself in `keras_genres.json`. Runtimes pass it over; any zip tool reads it.
"""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_genres.archive import METADATA
from keras_genres.files import json_text
from keras_genres.inference.exports.graph import in_float32, trace
from keras_genres.inference.exports.norms import with_norms_as_products
from keras_genres.inference.runtimes import open_interpreter
from keras_genres.model.average import members_of
from keras_genres.model.network import backbone_of
from keras_genres.quiet import held_stderr


def write_litert(network, path, metadata, calibration=None, quantize=None, sample=()):
    """Write a LiteRT file of a network.

    Args:
        network: The Keras network, on the TensorFlow backend. One of mixed
            precision computes in float32 from then on.
        path: File to write.
        metadata: What the model tells about itself.
        calibration: A `CalibrationMap` to put into the graph, or `None`.
        quantize: `None`; `float16` to store weights in half the bytes; `dynamic`
            to store kernels in a quarter, with what they are multiplied by
            scaled poster by poster; or `int8` to compute in whole numbers
            throughout, all but the head, on scales that are set beforehand.
        sample: For `int8`, posters whose numbers in each layer set the scales
            of the whole numbers, uint8 array `(N, height, width, 3)`.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in in_float32(network).variables]
    if quantize == "int8":
        network = with_norms_as_products(network)
    module.score = trace(network, calibration, batch=1)
    converter = _converter(module)
    if quantize in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with held_stderr():  # the converter tells its own settings; errors come as exceptions
        Path(path).write_bytes(converter.convert())
        if quantize == "int8":
            Path(path).write_bytes(_in_int8(_converter(module), sample, _tail(path, network)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA), json_text(metadata))  # a fixed date


def _converter(module):
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [module.score.get_concrete_function()], module
    )


def _in_int8(converter, sample, tail):
    """Return the model with all in int8 but the operations whose results `tail` names."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [image[None].astype(np.float32)] for image in sample
    )
    # Of the converter's faces, this one can leave operations out.
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=tail)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses TensorFlow's own interpreter, which is old
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=converter.representative_dataset,
            debug_options=options,
        )
    return debugger.get_nondebug_quantized_model()


def _tail(path, network):
    """Return the names of what comes after the backbone: pooling, head, average, calibration.

    They cost next to nothing. In int8 a logit would have a hundred levels, and
    the logarithms of a calibration could not be computed at all.
    """
    networks = members_of(network) or [network]
    bulk = ["/preprocess", *(f"/{backbone_of(each).name}" for each in networks)]
    names = [tensor["name"] for tensor in open_interpreter(path).get_tensor_details()]
    return [name for name in names if name and not any(part in name for part in bulk)]
