"""`.keras` files from anywhere, looked at before Keras opens them.

A `.keras` file is a zip archive of a network's description and its weights.
Keras's safe mode refuses code in it. This refuses what is left: classes that
no network of ours has, descriptions of networks that are larger than the
weights beside them, packed entries that grow, and HDF5 that points elsewhere.
"""

import math
import struct
import zipfile

from keras_genres.errors import UserError
from keras_genres.files import parse_json
from keras_genres.hdf5 import require_harmless_weights

METADATA = "keras_genres.json"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MOST_BYTES = {METADATA: 2**20, _CONFIG: 2**24, "metadata.json": 2**16}
_MOST_LAYERS = 5000
_LARGEST = 10**6  # of a number in a layer's description: widths, kernels, channels

_CLASSES = {
    "keras": {"DTypePolicy", "Sequential"},
    "keras.initializers": {
        "GlorotUniform",
        "Ones",
        "TruncatedNormal",
        "VarianceScaling",
        "Zeros",
    },
    "keras.layers": {
        "Activation",
        "Add",
        "Average",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "Dense",
        "DepthwiseConv2D",
        "Dot",
        "Dropout",
        "EinsumDense",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "InputLayer",
        "LayerNormalization",
        "MaxPooling2D",
        "Multiply",
        "Permute",
        "ReLU",
        "Rescaling",
        "Reshape",
        "SeparableConv2D",
        "Softmax",
        "ZeroPadding2D",
    },
    "keras.src.applications.convnext": {"LayerScale"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.core": {"Cast"},
    "keras.src.ops.nn": {"Moments"},
    "keras.src.ops.numpy": {
        "Add",
        "Clip",
        "Concatenate",
        "Flip",
        "Log",
        "Multiply",
        "Sqrt",
        "Subtract",
    },
    None: {"__keras_tensor__"},
}
# Every class that the description of one of our networks names, by module.

_NUMBERS = {
    "BatchNormalization": lambda sizes: 4 * sizes("in"),
    "Conv2D": lambda sizes: (
        sizes("kernel_size") * sizes("in") // sizes("groups") * sizes("filters") + sizes("filters")
    ),
    "Dense": lambda sizes: (sizes("in") + 1) * sizes("units"),
    "DepthwiseConv2D": lambda sizes: (
        (sizes("kernel_size") + 1) * sizes("in") * sizes("depth_multiplier")
    ),
    "EinsumDense": lambda sizes: (sizes("in") + 1) * sizes("output_shape"),
    "LayerNormalization": lambda sizes: 2 * sizes("in"),
    "LayerScale": lambda sizes: sizes("projection_dim"),
    "SeparableConv2D": lambda sizes: (
        sizes("in") * sizes("depth_multiplier") * (sizes("kernel_size") + sizes("filters"))
        + sizes("filters")
    ),
}
# How many numbers a layer has at most; what is not here has none.


def read_entries(path):
    """Return the entries of a `.keras` file by name, as `zipfile.ZipInfo`.

    Raises:
        UserError: If it is missing or damaged, or has an entry that Keras and
            we do not write: another one, one twice, packed or locked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except FileNotFoundError:
        raise UserError(f"There is no {path}. Is this a finished run?") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception:  # zipfile raises many kinds for damaged files
        raise UserError(f"{path} is not a .keras file, or it is damaged.") from None
    found = {}
    for entry in entries:
        name = entry.filename
        if name not in _MOST_BYTES and name != _WEIGHTS:
            raise UserError(f"{path} holds {name!r}, which no network of keras-genres has.")
        if name in found:
            raise UserError(f"{path} holds {name!r} twice.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise UserError(f"{path} holds {name!r} packed or locked; Keras stores it as it is.")
        if entry.file_size > _MOST_BYTES.get(name, math.inf):
            raise UserError(f"{path} holds {name!r} of {entry.file_size:,} bytes: too large.")
        found[name] = entry
    return found


def read_json_entry(path, name):
    """Return what a JSON entry of a `.keras` file holds.

    Raises:
        UserError: As `read_entries`, or if there is no such entry or it is no JSON.
    """
    entries = read_entries(path)
    if name not in entries:
        raise UserError(f"{path} has no {name}: keras-genres did not write it.")
    try:
        with zipfile.ZipFile(path) as archive:
            data = archive.read(name)
    except Exception:  # damaged within, which only reading shows
        raise UserError(f"{path} is damaged: {name} cannot be read.") from None
    return parse_json(data, f"{name} in {path}")


def require_known_network(path):
    """Refuse a `.keras` file that holds anything but a network such as ours.

    Neither Keras nor TensorFlow is needed for that.

    Raises:
        UserError: One line that says what it holds.
    """
    config = read_json_entry(path, _CONFIG)
    _require_known_classes(config, path)
    try:
        claimed = _numbers_of(config)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, IndexError):
        raise UserError(f"{path} does not describe a network as keras-genres makes it.") from None
    stored = _numbers_in_weights(path)
    # A few more are allowed for: some layers leave out a part that others have.
    if claimed > 1.02 * stored + 10_000:
        raise UserError(
            f"{path} describes a network of {claimed:,} parameters, and holds {stored:,}: "
            "another network."
        )


def _require_known_classes(config, path):
    waiting, layers = [config], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            name, module = value.get("class_name"), value.get("module")
            if "class_name" not in value:
                continue
            layers += 1
            is_ours = isinstance(name, str) and isinstance(module, str | None)
            is_ours = is_ours and name in _CLASSES.get(module, ())
            if not is_ours or value.get("registered_name") not in (None, name):
                raise UserError(
                    f"{path} names the class {str(name)!r} of {str(module)!r}, which no network of "
                    "keras-genres has: it is not loaded."
                )
        elif isinstance(value, list):
            waiting += value
    if layers > 20 * _MOST_LAYERS:
        raise UserError(f"{path} describes more than {_MOST_LAYERS:,} layers.")


def _numbers_of(config):
    """Return at most how many numbers the described network has."""
    total, waiting = 0, [config]
    while waiting:
        layer = waiting.pop()
        if "layers" in layer["config"]:
            waiting += layer["config"]["layers"]
            continue
        count = _NUMBERS.get(layer["class_name"])
        if count is not None:
            total += count(_sizes_of(layer))
    return total


def _sizes_of(layer):
    def sizes(name):
        value = layer["build_config"]["input_shape"][-1] if name == "in" else layer["config"][name]
        values = value if isinstance(value, list) else [value]
        if not all(type(each) is int and 0 < each <= _LARGEST for each in values):
            raise ValueError
        return math.prod(values)

    return sizes


def _numbers_in_weights(path):
    entry = read_entries(path).get(_WEIGHTS)
    if entry is None:
        raise UserError(f"{path} has no {_WEIGHTS}: it holds no weights.")
    with open(path, "rb") as file:
        start = _start_of(file, entry)
    return require_harmless_weights(path, f"{_WEIGHTS} in {path}", start, entry.file_size)


def _start_of(file, entry):
    """Return where the content of an entry begins, behind its name and extra fields."""
    file.seek(entry.header_offset)
    header = file.read(30)
    name, extra = struct.unpack_from("<HH", header, 26)
    return entry.header_offset + len(header) + name + extra
