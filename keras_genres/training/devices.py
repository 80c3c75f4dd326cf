"""Devices, number formats and spreading over GPUs, for both backends.

Keras hides most of this, not all: what a GPU can compute in, MirroredStrategy
and hiding GPUs from TensorFlow under JAX need the backend itself.
"""

import contextlib
import os
from dataclasses import dataclass

import keras

from keras_genres.errors import UserError

_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
_BFLOAT16_CAPABILITY = (8, 0)  # Ampere


@dataclass(frozen=True)
class Device:
    """A GPU."""

    name: str
    """What the driver calls it."""
    capability: tuple
    """CUDA compute capability, say (9, 0); (0, 0) if not told."""


def gpus():
    """Return the GPUs that the backend sees, as `Device`s."""
    if keras.backend.backend() == "jax":
        import jax

        found = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
        return [
            Device(device.device_kind, _capability(getattr(device, "compute_capability", "0.0")))
            for device in found
        ]
    import tensorflow as tf

    found = []
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        capability = tuple(details.get("compute_capability", (0, 0)))
        found.append(Device(details.get("device_name", gpu.name), capability))
    return found


def choose_precision(precision):
    """Resolve `auto`: bfloat16 on GPUs that have it, float16 on older ones, float32 on a CPU."""
    if precision != "auto":
        return precision
    found = gpus()
    if not found:
        return "float32"
    has_bfloat16 = all(gpu.capability >= _BFLOAT16_CAPABILITY for gpu in found)
    return "bfloat16" if has_bfloat16 else "float16"


def set_precision(precision):
    """Set the format in which layers compute; variables stay float32."""
    keras.config.set_dtype_policy(_POLICIES[precision])


def be_deterministic():
    """Take only operations that give the same bits each time, for the rest of this process.

    Call it before TensorFlow computes anything. JAX on a CPU is so by itself;
    on a GPU it takes an XLA flag, set before JAX starts.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        # Which operation ends first decides which buffer a sum of gradients is written to, and
        # so the order in which it is added up. Within an operation threads stay.
        with contextlib.suppress(RuntimeError):  # too late, if TensorFlow computes already
            tf.config.threading.set_inter_op_parallelism_threads(1)
    else:
        flag = "--xla_gpu_deterministic_ops=true"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def choose_jit(jit):
    """Resolve `auto` to `on` or `off`.

    JAX always compiles. TensorFlow's XLA makes convolutions slower on a CPU.
    """
    if keras.backend.backend() == "jax":
        return "on"
    return ("on" if gpus() else "off") if jit == "auto" else jit


def choose_where(where):
    """Resolve where posters are varied: on a GPU if there is one, else in the pipeline."""
    return ("device" if gpus() else "pipeline") if where == "auto" else where


def hide_gpus_from_tensorflow():
    """Under JAX, keep TensorFlow, which only feeds it, from taking the GPU's memory."""
    if keras.backend.backend() == "jax":
        import tensorflow as tf

        # Too late if TensorFlow has its devices already; then it keeps them.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")


def use_all_devices(devices, batch_size):
    """Spread training over the devices of this machine.

    TensorFlow takes `tf.distribute.MirroredStrategy`, JAX
    `keras.distribution.DataParallel`; each device gets its share of the batch.

    Args:
        devices: `auto` and `all`: every GPU; `one`: no spreading.
        batch_size: Posters in a step over all devices.

    Returns:
        A scope to build and compile the network in, and the number of devices.

    Raises:
        UserError: If the batch cannot be shared out evenly.
    """
    count = device_count() if devices != "one" else 1
    if count < 2:
        return contextlib.nullcontext(), 1
    if batch_size % count:
        raise UserError(
            f"training.batch_size must be a multiple of the {count} devices, or use "
            f"--set training.devices=one. Received: {batch_size}"
        )
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel())
        return contextlib.nullcontext(), count
    import tensorflow as tf

    names = [device.name for device in tf.config.list_logical_devices(_kind())]
    return tf.distribute.MirroredStrategy(names).scope(), count


def device_count():
    """Return how many devices training can be spread over.

    Several virtual CPUs count, so that spreading can be tried without GPUs.
    """
    if keras.backend.backend() == "jax":
        import jax

        return len(jax.devices())
    import tensorflow as tf

    return len(tf.config.list_logical_devices(_kind()))


def _kind():
    import tensorflow as tf

    return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"


def _capability(text):
    try:
        major, minor = str(text).split(".")
        return int(major), int(minor)
    except ValueError:
        return 0, 0
