"""What is printed on file descriptor 2 is held back, and nothing else is lost."""

import os
import threading

import pytest

from keras_genres.quiet import held_stderr


def say(text):
    os.write(2, f"{text}\n".encode())


def test_noise_is_dropped_and_the_rest_is_printed(capfd):
    with held_stderr("INFO: "):
        say("INFO: a delegate")
        say("a warning")
        say("not INFO: this")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "a warning\nnot INFO: this\n"
    say("later")
    assert capfd.readouterr().err == "later\n"


def test_all_is_printed_when_the_block_fails(capfd):
    with pytest.raises(ValueError, match="no"), held_stderr():
        say("why")
        raise ValueError("no")
    assert capfd.readouterr().err == "why\n"


def test_threads_and_blocks_in_blocks_give_stderr_back(capfd):
    def hold():
        for _ in range(50):
            with held_stderr(), held_stderr("x"):
                say("noise")

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("still there")
    assert capfd.readouterr().err == "still there\n"


def test_a_process_without_stderr_goes_on():
    stderr = os.dup(2)
    os.close(2)
    try:
        with held_stderr():
            done = True
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    assert done
