import os

import numpy as np
import pytest
from PIL import Image

from keras_genres.errors import UserError
from keras_genres.input import cache
from keras_genres.input.cache import cache_folder, check_readable, fingerprint, keep_decoded
from keras_genres.input.decode import decode_poster
from keras_genres.settings import InputSettings

TINY_GIB = 1 / 2**30  # one byte


@pytest.fixture
def posters(tmp_path):
    return draw_posters(tmp_path / "posters", 5)


def draw_posters(folder, count):
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        pixels = random.integers(0, 256, (30, 20 + number, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.{'jpg' if number % 2 else 'png'}")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def settings(tmp_path, **changes):
    return InputSettings(**{"cache_folder": str(tmp_path / "cache"), **changes})


def cache_files(tmp_path):
    folder = tmp_path / "cache"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.parametrize("chunk", [2, 64])
def test_kept_pixels_are_the_decoded_ones_in_order(tmp_path, posters, place, chunk, monkeypatch):
    monkeypatch.setattr(cache, "_CHUNK", chunk)
    decoded, _ = keep_decoded(posters, 16, 12, settings(tmp_path, cache=place))
    wanted = [decode_poster(path.read_bytes(), 16, 12) for path in posters]
    np.testing.assert_array_equal(decoded, wanted)
    assert decoded.dtype == np.uint8 and not decoded.flags.writeable
    assert isinstance(decoded, np.memmap) == (place == "disk")


def test_auto_takes_memory_while_the_posters_fit_the_budget(tmp_path, posters):
    size = 5 * 16 * 12 * 3
    for spare, place in ((0, np.ndarray), (-1, np.memmap)):
        budget = (size + spare) / 2**30
        wanted = settings(tmp_path, cache_memory_gib=budget)
        decoded, said = keep_decoded(posters, 16, 12, wanted)
        assert type(decoded) is place
        assert ("in memory" in said) == (spare == 0)
    assert str(cache_files(tmp_path)[0]) in said
    assert "over input.cache_memory_gib=" in said


def test_auto_decodes_anew_where_neither_memory_nor_disk_have_room(tmp_path, posters, monkeypatch):
    monkeypatch.setattr(cache, "_SPARE_BYTES", 2**62)
    wanted = settings(tmp_path, cache_memory_gib=TINY_GIB)
    decoded, said = keep_decoded(posters, 16, 12, wanted)
    assert decoded is None and "free" in said
    assert cache_files(tmp_path) == []


def test_memory_over_the_budget_is_refused(tmp_path, posters):
    with pytest.raises(UserError, match=r"over input\.cache_memory_gib"):
        keep_decoded(posters, 16, 12, settings(tmp_path, cache="memory", cache_memory_gib=TINY_GIB))


def test_a_disk_without_room_is_refused_before_decoding(tmp_path, posters, monkeypatch):
    monkeypatch.setattr(cache, "_SPARE_BYTES", 2**62)
    with pytest.raises(UserError, match=r"has only .* free.*input\.cache_folder"):
        keep_decoded(posters, 16, 12, settings(tmp_path, cache="disk"))
    assert cache_files(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path, posters):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")

    class FullDisk:
        """Opens the scratch file as whole_file does, on a disk without room."""

        def __init__(self, path, mode):
            self.path = path

        def __enter__(self):
            self.file = open("/dev/full", "wb", buffering=0)
            return self.file

        def __exit__(self, *error):
            self.file.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "whole_file", FullDisk)
        with pytest.raises(UserError, match="no space left on the disk"):
            keep_decoded(posters, 16, 12, settings(tmp_path, cache="disk"))
    assert cache_files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, posters):
    (tmp_path / "cache").write_text("a file stands here")
    with pytest.raises(UserError, match="cannot be written to"):
        keep_decoded(posters, 16, 12, settings(tmp_path, cache="disk"))


def test_the_disk_cache_is_found_again(tmp_path, posters, monkeypatch):
    wanted = settings(tmp_path, cache="disk")
    first, said = keep_decoded(posters, 16, 12, wanted)
    assert "written to" in said
    monkeypatch.setattr(cache, "_decoded_chunks", None)  # decoding again would fail
    again, said = keep_decoded(posters, 16, 12, wanted)
    assert "found in" in said
    np.testing.assert_array_equal(first, again)


def test_a_disk_cache_of_another_length_is_written_anew(tmp_path, posters):
    wanted = settings(tmp_path, cache="disk")
    first = np.array(keep_decoded(posters, 16, 12, wanted)[0])
    (file,) = cache_files(tmp_path)
    os.truncate(file, 100)
    again, said = keep_decoded(posters, 16, 12, wanted)
    assert "written to" in said
    np.testing.assert_array_equal(first, again)


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path, posters):
    (tmp_path / "cache").mkdir()
    old, new = (tmp_path / "cache" / f".posters-0.uint8.{name}" for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    keep_decoded(posters, 16, 12, settings(tmp_path, cache="disk"))
    assert new.exists() and not old.exists()


def test_a_changed_poster_is_never_read_from_the_old_cache(tmp_path, posters):
    wanted = settings(tmp_path, cache="disk")
    keep_decoded(posters, 16, 12, wanted)
    Image.new("RGB", (20, 30), (9, 8, 7)).save(posters[0])
    decoded, _ = keep_decoded(posters, 16, 12, wanted)
    assert (decoded[0] == [9, 8, 7]).all()


@pytest.mark.parametrize("change", ["order", "height", "fit", "touch", "version"])
def test_whatever_changes_pixels_or_rows_makes_another_cache(
    tmp_path, posters, change, monkeypatch
):
    wanted = settings(tmp_path, cache="disk")
    keep_decoded(posters, 16, 12, wanted)
    height = 18 if change == "height" else 16
    if change == "order":
        posters.reverse()
    if change == "fit":
        wanted = settings(tmp_path, cache="disk", fit="pad")
    if change == "touch":
        os.utime(posters[0], ns=(1, 1))
    if change == "version":
        monkeypatch.setattr(cache, "DECODER_VERSION", -1)
    keep_decoded(posters, height, 12, wanted)
    assert len(cache_files(tmp_path)) == 2


@pytest.mark.parametrize("place", ["memory", "disk", "off"])
def test_every_damaged_poster_is_named_and_nothing_is_kept(tmp_path, posters, place):
    posters[1].write_bytes(posters[1].read_bytes()[:200])
    posters[3].write_bytes(b"")
    with pytest.raises(UserError) as error:
        keep_decoded(posters, 16, 12, settings(tmp_path, cache=place))
    message = str(error.value)
    assert message.startswith("2 posters cannot be read: ")
    assert f"{posters[1]} (damaged" in message and f"{posters[3]} (empty)" in message
    assert "\n" not in message
    assert cache_files(tmp_path) == []


@pytest.mark.parametrize("place", ["memory", "off"])
def test_a_pipe_in_place_of_a_poster_is_named_and_not_waited_for(tmp_path, posters, place):
    os.unlink(posters[1])
    os.mkfifo(posters[1])
    os.truncate(posters[2], 300)
    with pytest.raises(UserError, match=r"2 posters cannot .* \(not a file\), .* \(damaged"):
        keep_decoded(posters, 24, 16, settings(tmp_path, cache=place))


def test_a_missing_poster_is_named(tmp_path, posters):
    posters[2].unlink()
    for place in ("memory", "disk", "off"):
        with pytest.raises(UserError, match=r"1 poster cannot be read: .*2\.png \(missing\)"):
            keep_decoded(posters, 16, 12, settings(tmp_path, cache=place))


def test_only_the_first_damaged_posters_are_named(tmp_path):
    posters = draw_posters(tmp_path / "many", 8)
    for path in posters:
        path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"8 posters cannot be read: .*4\.png \S.* and 3 more"):
        check_readable(posters, 16, 12)


def test_off_keeps_nothing(tmp_path, posters):
    decoded, said = keep_decoded(posters, 16, 12, settings(tmp_path, cache="off"))
    assert decoded is None and "not kept (as asked)" in said
    assert cache_files(tmp_path) == []


def test_the_fingerprint_counts_what_it_is_given(posters):
    assert fingerprint(posters, 1) == fingerprint(posters, 1)
    assert fingerprint(posters, 1) != fingerprint(posters, 2)
    assert fingerprint(posters, 1) != fingerprint(posters[:4], 1)


def test_the_cache_stands_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(InputSettings()) == tmp_path / "keras-genres"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder(InputSettings()) == tmp_path / "local" / "keras-genres"
    assert cache_folder(InputSettings(cache_folder="x")).name == "x"
