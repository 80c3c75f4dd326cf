import threading

import pytest
from hostile import chunk, png
from pictures import encoded, picture

from keras_genres.data.bounded import _Room, open_picture, room_for_bytes
from keras_genres.data.opening import Unusable
from keras_genres.data.png import strip_png


def test_no_more_is_worked_on_at_a_time_than_there_is_room_for():
    room, held, most = _Room(10), [0], [0]
    guard = threading.Lock()

    def work(amount):
        for _ in range(50):
            with room.of(amount):
                with guard:
                    held[0] += min(amount, 10)
                    most[0] = max(most[0], held[0])
                with guard:
                    held[0] -= min(amount, 10)

    threads = [threading.Thread(target=work, args=(amount,)) for amount in (1, 3, 4, 7, 10, 99)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 10


def test_a_file_that_is_not_there_waits_for_nothing(tmp_path):
    with room_for_bytes(tmp_path / "none"), room_for_bytes("a\0b"):
        pass


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_limit_holds_for_what_takes_memory_by_its_header(kind):
    data = encoded(picture(0), kind)
    assert open_picture(data, 0.006)[0].size == (60, 90)
    with pytest.raises(Unusable, match="too large"):
        open_picture(data, 0.005)


def test_a_png_whose_header_is_elsewhere_is_not_unpacked():
    data = png(2**31 - 1, 2**31 - 1, before=chunk(b"PLTE", b"abc"))
    shuffled = data[:8] + chunk(b"PLTE", b"\x7f\xff\xff\xff" * 3) + data[8:]
    assert strip_png(shuffled).unpack() == ()
