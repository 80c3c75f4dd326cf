"""One process at a time, also when one of them is killed."""

import signal
import subprocess
import sys

import pytest

from keras_genres.errors import UserError
from keras_genres.files import whole_folder
from keras_genres.locks import alone, is_in_use

_HOLD = "import sys, time; from keras_genres.locks import alone\n"
_HOLD += "with alone(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """A process that holds `tmp_path / "run"`."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_uses_the_folder(holder, tmp_path):
    told = f"in use by process {holder.pid} on"
    with pytest.raises(UserError, match=told), alone(tmp_path / "run"):
        pass
    with pytest.raises(UserError, match="in use by"), whole_folder(tmp_path / "run"):
        pass
    assert not (tmp_path / "run.partial").exists()
    assert is_in_use(tmp_path / "run")


def test_a_killed_process_holds_nothing(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not is_in_use(tmp_path / "run")
    with alone(tmp_path / "run"):
        pass


def test_nothing_is_left_beside_the_folder(tmp_path):
    with pytest.raises(RuntimeError), alone(tmp_path / "run"):
        assert [path.name for path in tmp_path.iterdir()] == [".run.lock"]
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
