import pytest
from pictures import write_posters

from keras_genres.data.readers import read_source
from keras_genres.errors import UserError


def fill(folder, files):
    """Write `{"Action/a.jpg": b"bytes"}`; readers look at no pixels."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def genres(source):
    return {entry.name: sorted(entry.genres) for entry in source.entries}


def test_the_genres_of_a_file_are_the_folders_it_is_in(tmp_path):
    fill(tmp_path, {"Drama/a.jpg": b"a", "Action/a.jpg": b"a", "Action/b.jpg": b"b"})
    source = read_source(tmp_path)
    assert genres(source) == {"Action/a.jpg": ["Action", "Drama"], "Action/b.jpg": ["Action"]}
    assert source.images == tmp_path
    assert source.notes == []


def test_one_name_with_two_contents_is_two_posters_and_said_so(tmp_path):
    fill(tmp_path, {"Action/a.jpg": b"1", "Drama/a.jpg": b"2", "War/a.jpg": b"1"})
    source = read_source(tmp_path)
    assert genres(source) == {"Action/a.jpg": ["Action", "War"], "Drama/a.jpg": ["Drama"]}
    assert "1 file names stand for different pictures" in source.notes[0]


def test_folder_names_match_whatever_their_spelling(tmp_path):
    fill(tmp_path, {"sci_fi/a.jpg": b"a", "SCIENCE FICTION/b.jpg": b"b", "war/a.jpg": b"a"})
    assert genres(read_source(tmp_path)) == {
        "SCIENCE FICTION/b.jpg": ["Sci-Fi"],
        "sci_fi/a.jpg": ["Sci-Fi", "War"],
    }


def test_an_unknown_genre_stops_with_the_nearest_or_is_ignored_on_request(tmp_path):
    fill(tmp_path, {"Documentry/a.jpg": b"a", "Drama/a.jpg": b"a", "Documentry/b.jpg": b"b"})
    with pytest.raises(UserError, match=r"'Documentry'\. Did you mean 'Documentary'"):
        read_source(tmp_path)
    source = read_source(tmp_path, ignore_unknown=True)
    assert genres(source) == {"Drama/a.jpg": ["Drama"]}
    assert source.ignored == {"Documentry": 2}


def test_hidden_files_and_clutter_are_no_posters(tmp_path):
    fill(
        tmp_path,
        {
            "Drama/a.jpg": b"a",
            "Drama/.DS_Store": b"x",
            "Drama/Thumbs.db": b"x",
            ".git/config": b"x",
            "__MACOSX/Drama/a.jpg": b"x",
            "README.txt": b"x",
            "Drama/more/b.jpg": b"b",
        },
    )
    source = read_source(tmp_path)
    assert genres(source) == {"Drama/a.jpg": ["Drama"]}
    assert sorted(source.rejected) == [
        ("Drama/more", "sub-folder", "not read"),
        ("README.txt", "in no genre folder", ""),
    ]


def test_an_empty_genre_folder_is_refused(tmp_path):
    fill(tmp_path, {"Drama/a.jpg": b"a"})
    (tmp_path / "War").mkdir()
    with pytest.raises(UserError, match=r"genre folder .*War is empty"):
        read_source(tmp_path)


def test_no_folder_no_genre_folders_and_a_csv_in_their_place_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no"):
        read_source(tmp_path / "none")
    with pytest.raises(UserError, match="has no genre folders"):
        read_source(tmp_path)
    write_posters(tmp_path / "images", 1, ["Drama"])
    (tmp_path / "labels.csv").write_text("filename,genres\n")
    with pytest.raises(UserError, match=r"To read a CSV, name it: .*labels\.csv"):
        read_source(tmp_path)


def test_options_of_a_csv_are_refused_for_folders(tmp_path):
    fill(tmp_path, {"Drama/a.jpg": b"a"})
    with pytest.raises(UserError, match="go with a CSV"):
        read_source(tmp_path, images=tmp_path)
