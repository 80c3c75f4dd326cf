"""An ONNX file: `images`, float32 `(N, height, width, 3)`, RGB 0-255, to `scores` `(N, 19)`.

Preprocessing and calibration are in the graph. What the model tells about
itself is JSON in its metadata under `keras_genres.json`, and the genre names,
one a line, under `labels`.
"""

import contextlib
import gc
import logging

import numpy as np
import tensorflow as tf

from keras_genres import __version__
from keras_genres.archive import METADATA
from keras_genres.files import json_text
from keras_genres.genres import GENRES
from keras_genres.inference.exports.graph import in_float32, trace

OPSET = 17
"""Has all our operations, and is read by ONNX Runtime from 1.12 on."""


def write_onnx(network, path, metadata, calibration=None):
    """Write an ONNX file of a network.

    Args:
        network: The Keras network, on the TensorFlow backend. One of mixed
            precision computes in float32 from then on.
        path: File to write.
        metadata: What the model tells about itself.
        calibration: A `CalibrationMap` to put into the graph, or `None`.
    """
    import tf2onnx

    graph, outputs = _frozen(trace(in_float32(network), calibration))
    with _quietly(), _collected():
        model, _ = tf2onnx.convert.from_graph_def(
            graph,
            name=network.name,
            input_names=["images:0"],
            output_names=outputs,
            tensors_to_rename={"images:0": "images", outputs[0]: "scores"},
            opset=OPSET,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "posters"
    told = {METADATA: json_text(metadata), "labels": "\n".join(GENRES)}
    for key, text in told.items():
        model.metadata_props.add(key=key, value=text)
    model.producer_name, model.producer_version = "keras-genres", __version__
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def _frozen(function):
    """Return the graph of a function with all it captured as constants, and its outputs' names.

    tf2onnx 1.17's `from_function`, which Keras's own export calls, freezes
    variables only: the mean of a `Normalization` layer is a captured tensor
    and becomes an input of the ONNX model that nobody can give. Once that is
    mended, `from_function` does in place of this and of `from_graph_def`.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    with _inlined():
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return frozen.graph.as_graph_def(), [tensor.name for tensor in frozen.outputs]


def _erfc(graph, node, name, _):
    """Write `1 - erf(x)`, of which the GELU of ConvNeXt is made: tf2onnx 1.17 knows `erf` only."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(name)
    one = graph.make_const(f"{name}/one", np.ones((), np.float32))
    erf = graph.make_node("Erf", node.input, shapes=shapes, dtypes=dtypes)
    graph.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        outputs=node.output,
        name=name,
        shapes=shapes,
        dtypes=dtypes,
    )


@contextlib.contextmanager
def _inlined():
    """Trace functions that ours calls as parts of it.

    On a CPU Keras has grouped convolutions, as ConvNeXt's, compiled by XLA in
    a function of their own, and tf2onnx 1.17 knows no such function. Once it
    does, this can go.
    """
    was = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(was)


@contextlib.contextmanager
def _collected():
    """Let Python's collector run as often as what is made here needs.

    Each optimizer of tf2onnx 1.17 copies the graph with all weights. A full
    collection waits until a quarter of all objects are new ones, and beside
    TensorFlow's a copy of a few thousand nodes is not. A network of 0.2 GB took 8 GB
    beyond TensorFlow's own, and takes 6 with this.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # from now on only new objects count
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _quietly():
    """Silence what TensorFlow and tf2onnx log of functions of their own that they call old."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
