import os
import socket

import pytest

from keras_genres.data.opening import Tree, Unusable, hash_plain, read_plain


def refusal(path):
    with pytest.raises(Unusable) as error:
        read_plain(path)
    return error.value.args


def test_a_plain_file_is_read_with_what_the_system_knows_of_it(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    data, seen = read_plain(tmp_path / "a")
    assert (data, seen.st_size) == (b"abc", 3)
    assert hash_plain(tmp_path / "a").startswith("ba7816bf")


def test_pipes_sockets_devices_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # to open it would wait for a writer, for ever
    assert refusal(tmp_path / "pipe.jpg") == ("not a file", "a pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.jpg"))
        assert refusal(tmp_path / "s.jpg") == ("not a file", "a socket")
    assert refusal("/dev/zero") == ("not a file", "a device")
    assert refusal(tmp_path) == ("not a file", "a folder")


def test_what_is_missing_a_loop_or_no_name_at_all_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(tmp_path / "none")[0] == "missing"
    assert refusal(tmp_path / "loop") == ("unreadable", "Too many levels of symbolic links")
    assert refusal(tmp_path / ("a" * 300)) == ("unreadable", "File name too long")
    assert refusal("a\0b")[0] == "unreadable"


def test_a_file_without_permission_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "a").chmod(0)
    if os.access(tmp_path / "a", os.R_OK):
        pytest.skip("the administrator may read everything")
    assert refusal(tmp_path / "a") == ("unreadable", "Permission denied")


def test_a_file_larger_than_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(257 * 2**20)
    assert refusal(tmp_path / "large") == ("too large", "257 MB, at most 256")


@pytest.fixture
def tree(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "sub").mkdir(parents=True)
    outside.mkdir()
    (inside / "sub" / "a.jpg").write_bytes(b"a")
    (outside / "b.jpg").write_bytes(b"b")
    (inside / "near.jpg").symlink_to("sub/a.jpg")
    (inside / "far.jpg").symlink_to("../outside/b.jpg")
    (inside / "folder").symlink_to(outside)
    (tmp_path / "link").symlink_to(inside)
    (inside / "twin.jpg").symlink_to("../inside_too/b.jpg")
    return tmp_path


@pytest.mark.parametrize("name", ["inside", "link"])
def test_links_within_a_tree_are_followed_and_those_out_of_it_are_not(tree, name):
    found = Tree(tree / name)
    assert read_plain(found.path_of("sub/a.jpg"))[0] == b"a"
    assert read_plain(found.path_of("near.jpg"))[0] == b"a"
    for out in ("far.jpg", "folder/b.jpg", "folder", "twin.jpg"):
        with pytest.raises(Unusable, match="link to outside"):
            found.path_of(out)


def test_links_out_of_a_tree_may_be_allowed(tree):
    found = Tree(tree / "inside", follow_links=True)
    assert read_plain(found.path_of("far.jpg"))[0] == b"b"
    assert read_plain(found.path_of("folder/b.jpg"))[0] == b"b"
