import os
import subprocess
import sys

import pytest


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_keras_starts_without_a_word_on_stderr():
    done = run("from keras_genres.training.start import start_keras; start_keras(); import keras")
    assert (done.returncode, done.stderr) == (0, "")


def test_tensorflow_does_not_complain_of_networks_that_are_built_one_after_another():
    code = """
from keras_genres.training.start import start_keras
if {quiet}:
    start_keras()
import keras, numpy as np
for _ in range(8):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.predict(np.zeros((1, 2)), verbose=0)
"""
    if "retracing" not in run(code.format(quiet=False)).stderr:
        pytest.skip("this TensorFlow does not complain")
    done = run(code.format(quiet=True))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="for machines without a GPU")
def test_tensorflow_keeps_its_memory_unless_it_is_told_not_to():
    code = "from keras_genres.training.start import start_keras; start_keras(); import os; "
    code += "print(os.environ['TF_CPU_ALLOCATOR_USE_BFC'])"
    environment = dict(os.environ)
    environment.pop("TF_CPU_ALLOCATOR_USE_BFC", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.stdout.strip() == b"true"
    assert run(code, TF_CPU_ALLOCATOR_USE_BFC="false").stdout.strip() == "false"


def test_what_was_held_back_is_printed_when_the_import_fails():
    code = """
import os, sys, types
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            os.write(2, b"libcuda is broken")
            raise ImportError("no tensorflow")
sys.meta_path.insert(0, Broken())
from keras_genres.training.start import start_keras
start_keras()
"""
    done = run(code)
    assert done.returncode == 1
    assert "libcuda is broken" in done.stderr and "no tensorflow" in done.stderr


def test_doctor_tells_of_a_tensorflow_that_does_not_import():
    code = """
import sys; sys.modules["tensorflow"] = None
from keras_genres.training.doctor import doctor
rows, todo = doctor()
print(dict(rows)["backend"], "|", *todo)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "does not import" in done.stdout and "Reinstall" in done.stdout


def test_a_backend_that_is_not_there_is_one_line():
    code = "from keras_genres.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", "smallcnn", "--data", "x"],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: KERAS_BACKEND must be tensorflow or jax. Received: 'torch'\n"
