"""What `keras-genres doctor` prints: versions, devices, and why a GPU is not seen."""

import glob
import os
import shutil
import subprocess

from keras_genres.errors import UserError
from keras_genres.training.environment import cores, processor, versions
from keras_genres.training.start import start_keras


def doctor():
    """Return `(name, finding)` rows and a list of what to do, in order."""
    rows = [("processor", f"{processor()}, {cores()} cores")]
    rows += [(name, version or "not installed") for name, version in versions().items()]
    todo = []
    try:
        start_keras()
        import keras

        from keras_genres.training.devices import choose_jit, choose_precision, gpus

        rows.append(("backend", keras.backend.backend()))
        found = gpus()
    except UserError as error:
        return rows, [str(error)]
    except Exception as error:  # a broken installation is what doctor is asked about
        rows.append(("backend", f"does not import: {_first_line(error)}"))
        todo.append("Reinstall in a fresh environment: pip install keras-genres")
        return rows, todo
    rows.append(("GPUs", ", ".join(gpu.name for gpu in found) or "none seen"))
    rows.append(("precision auto", choose_precision("auto")))
    rows.append(("jit auto", choose_jit("auto")))
    if not found:
        driver = _driver()
        rows.append(("NVIDIA driver", driver or "not found"))
        todo += _why_no_gpu(driver, keras.backend.backend())
    return rows, todo


def _driver():
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().replace("\n", "; ")
        return None
    return "device files, but no nvidia-smi" if glob.glob("/dev/nvidia[0-9]*") else None


def _why_no_gpu(driver, backend):
    if driver is None:
        return [
            "No NVIDIA driver is seen, so this machine trains on the CPU. If it has a GPU: install "
            "the driver; in a container, start it with `docker run --gpus all`."
        ]
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ["CUDA_VISIBLE_DEVICES hides every GPU: unset it."]
    if backend == "jax":
        return ["JAX has no CUDA: pip install 'jax[cuda12]'."]
    import tensorflow as tf

    if not tf.test.is_built_with_cuda():
        return ["This TensorFlow is a CPU build: use the NVIDIA image, or pip install tensorflow."]
    wanted = tf.sysconfig.get_build_info().get("cuda_version", "?")
    return [
        f"TensorFlow was built for CUDA {wanted} and does not find its libraries: "
        "pip install 'tensorflow[and-cuda]', or use the NVIDIA TensorFlow image."
    ]


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
