"""Write a model in other forms and compare each with Keras, on the TensorFlow backend.

What another backend trained is written by a process of its own: the graphs
have to be TensorFlow's.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import keras

from keras_genres.artefact import write_metadata
from keras_genres.calibration_map import CalibrationMap
from keras_genres.errors import UserError
from keras_genres.inference.exports.check import MOST_CHANGED, Parity, Reference, pixels
from keras_genres.inference.load import load_network


def make(model_file, metadata, wanted, posters=(), sample=(), most_changed=MOST_CHANGED):
    """Write exports and compare each with Keras.

    Args:
        model_file: A `.keras` file.
        metadata: What the exports tell about themselves; a calibration in it
            goes into their graphs.
        wanted: For each export its form, quantization (or `None`) and path: a
            folder that is there for `saved_model`, a file for the others.
        posters: Files to compare on; drawn noise if there are none.
        sample: Files that set the scales of `int8`; those to compare on if there are none.
        most_changed: For `dynamic` and `int8`, largest share of changed genre decisions.

    Returns:
        A `Parity` for Keras itself and for each export. One with a fault is
        for the caller to throw away.

    Raises:
        UserError: If the model cannot be loaded, or a form cannot be made.
    """
    arguments = [
        str(model_file),
        metadata,
        [(form, quantize, str(path)) for form, quantize, path in wanted],
        [str(poster) for poster in posters],
        [str(poster) for poster in sample],
        most_changed,
    ]
    if keras.backend.backend() == "tensorflow":
        return _make(*arguments)
    done = subprocess.run(
        [sys.executable, "-m", "keras_genres.inference.exports.make"],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"The export, in a process of its own on TensorFlow, failed: {reason}")
    return [Parity(**each) for each in json.loads(done.stdout.strip().splitlines()[-1])]


def _make(model_file, metadata, wanted, posters, sample, most_changed):
    network = load_network(model_file)
    calibration = None
    if metadata.get("calibrated"):
        calibration = CalibrationMap.from_json(metadata["calibration"])
    reference = Reference(network, calibration, metadata["fit"], posters, most_changed)
    found = [reference.itself(model_file)]
    # The SavedModel first: the others make a network of mixed precision one of float32.
    for form, quantize, path in sorted(wanted, key=lambda each: each[0] != "saved_model"):
        told = metadata | ({"quantized": quantize} if quantize else {})
        if form == "saved_model":
            from keras_genres.inference.exports.saved_model import write_saved_model

            write_saved_model(network, path, metadata["fit"], calibration)
            write_metadata(path, told)
        elif form == "onnx":
            from keras_genres.inference.exports.onnx import write_onnx

            write_onnx(network, path, told, calibration)
        else:
            from keras_genres.inference.exports.litert import write_litert

            images = ()
            if quantize == "int8":
                height, width = network.input_shape[1:3]
                files = [Path(each).read_bytes() for each in sample] or reference.files
                images = pixels(files, height, width, metadata["fit"])
            write_litert(network, path, told, calibration, quantize, images)
        found.append(reference.compare(path, form, quantize))
    return found


if __name__ == "__main__":
    try:
        rows = _make(*json.load(sys.stdin))
    except UserError as error:
        sys.exit(str(error))
    print(json.dumps([asdict(row) for row in rows]))
