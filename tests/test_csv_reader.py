import pytest
from pictures import write_csv

from keras_genres.data.csv_reader import read_table, split_genres
from keras_genres.errors import UserError
from keras_genres.genres import GENRES


def table(tmp_path, header, *rows):
    return write_csv(tmp_path / "labels.csv", header, rows)


def genres(source):
    return {entry.name: sorted(entry.genres) for entry in source.entries}


def onehot(*names):
    return [int(genre in names) for genre in GENRES]


def test_a_genres_column_is_read_with_its_id_and_further_columns(tmp_path):
    path = table(
        tmp_path,
        ["filename", "genres", "imdb_id", "title"],
        ["b.jpg", "Action|sci fi", "tt2", "B"],
        ["a.jpg", "Drama", "tt1", "Ä"],
    )
    source = read_table(path)
    assert source.kind == "genres column"
    assert genres(source) == {"a.jpg": ["Drama"], "b.jpg": ["Action", "Sci-Fi"]}
    assert [entry.films for entry in source.entries] == [{"tt1"}, {"tt2"}]
    assert source.entries[0].extra == {"imdb_id": "tt1", "title": "Ä"}


@pytest.mark.parametrize(
    "text", ["Drama|War", "Drama, War", " Drama ; War ", "['Drama', 'War']", '["Drama","War"]']
)
def test_genres_in_one_cell_are_parted_by_any_usual_sign(text):
    assert split_genres(text) == ["Drama", "War"]


def test_the_papers_one_hot_columns_are_read(tmp_path):
    path = table(
        tmp_path,
        ["", "FileName", *[genre.upper() for genre in GENRES], "year"],
        ["0", "a.jpg", *onehot("Action", "War"), "1"],
        ["1", "b.jpg", *onehot("Sci-Fi"), "1999"],
    )
    source = read_table(path)
    assert source.kind == "genre columns"
    assert genres(source) == {"a.jpg": ["Action", "War"], "b.jpg": ["Sci-Fi"]}
    assert source.entries[1].extra == {"year": "1999"}


def test_a_20th_column_of_0_and_1_is_an_unknown_genre(tmp_path):
    path = table(tmp_path, ["filename", *GENRES, "Western"], ["a.jpg", *onehot("Drama"), 1])
    with pytest.raises(UserError, match="Unknown genre 'Western'"):
        read_table(path)
    source = read_table(path, ignore_unknown=True)
    assert source.ignored == {"Western": 1}
    assert source.entries[0].extra == {}


def test_an_unknown_genre_names_the_file_and_the_nearest(tmp_path):
    path = table(tmp_path, ["filename", "genres"], ["a.jpg", "Drama|Thriler"], ["b.jpg", "Thriler"])
    with pytest.raises(
        UserError, match=r"a\.jpg: Unknown genre 'Thriler'. Did you mean 'Thriller'"
    ):
        read_table(path)
    source = read_table(path, ignore_unknown=True)
    assert genres(source) == {"a.jpg": ["Drama"], "b.jpg": []}
    assert source.ignored == {"Thriler": 2}


def test_rows_of_one_file_are_one_poster_with_the_genres_of_all(tmp_path):
    path = table(
        tmp_path,
        ["filename", "genres", "film_id"],
        ["a.jpg", "Drama", "1"],
        ["./a.jpg", "War", "2"],
        ["b.jpg", "War", "3"],
        ["b.jpg", "War", "3"],
    )
    source = read_table(path)
    assert genres(source) == {"a.jpg": ["Drama", "War"], "b.jpg": ["War"]}
    assert source.entries[0].films == {"1", "2"}
    assert source.conflicts == {"a.jpg"}
    assert "2 rows of labels.csv name a file again" in source.notes[0]


def test_paths_that_lead_outside_the_images_are_left_out(tmp_path):
    names = ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "C:\\x.jpg", "", "in/a.jpg", "in\\b.jpg"]
    path = table(tmp_path, ["filename", "genres"], *[[name, "Drama"] for name in names])
    source = read_table(path)
    assert list(genres(source)) == ["in/a.jpg", "in/b.jpg"]
    assert [name for name, reason, _ in source.rejected if "outside" in reason] == names[:5]


def test_images_lie_beside_the_csv_or_in_images_or_where_told(tmp_path):
    path = table(tmp_path, ["filename", "genres"], ["a.jpg", "Drama"])
    (tmp_path / "images").mkdir()
    assert read_table(path).images == tmp_path
    (tmp_path / "images" / "a.jpg").write_bytes(b"a")
    assert read_table(path).images == tmp_path / "images"
    (tmp_path / "other").mkdir()
    assert read_table(path, images=tmp_path / "other").images == tmp_path / "other"
    with pytest.raises(UserError, match="There is no folder"):
        read_table(path, images=tmp_path / "none")


def test_an_id_column_can_be_named(tmp_path):
    path = table(tmp_path, ["filename", "genres", "Key"], ["a.jpg", "Drama", "k"])
    assert read_table(path).entries[0].films == frozenset()
    assert read_table(path, id_column="key").entries[0].films == {"k"}
    with pytest.raises(UserError, match=r"has no column 'nope'\. It has filename, genres, Key"):
        read_table(path, id_column="nope")


@pytest.mark.parametrize("encoding, sign", [("utf-8-sig", ","), ("utf-8", ";"), ("utf-8", "\t")])
def test_csvs_of_spreadsheets_are_read(tmp_path, encoding, sign):
    path = tmp_path / "labels.csv"
    lines = [["filename", "genres"], ["ä.jpg", "Drama|War"]]
    path.write_text("\r\n".join(sign.join(line) for line in lines) + "\r\n", encoding=encoding)
    assert genres(read_table(path)) == {"ä.jpg": ["Drama", "War"]}


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "holds no posters"),
        (b"filename,genres\n", "holds no posters"),
        (b"filename,genres\n\xe4.jpg,Drama\n", "not UTF-8"),
        (b"filename,title\na.jpg,x\n", "has no genres"),
        (b"title,genres\nx,Drama\n", "has no column of file names: one of filename, file"),
        (b"filename,genres\na.jpg\n", "row 2 has 1 cells, the header has 2"),
        (b"filename,Action,Drama\na.jpg,1,0\n", "lacks the genre columns Adventure"),
        (b'filename,genres\n"a.jpg,Drama\n', "not a readable CSV"),
    ],
)
def test_a_csv_that_is_none_is_refused_in_one_line(tmp_path, data, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        read_table(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_label_that_is_not_0_or_1_is_refused(tmp_path):
    path = table(tmp_path, ["filename", *GENRES], ["a.jpg", 2, *onehot()[1:]])
    with pytest.raises(UserError, match=r"a\.jpg: Action must be 0 or 1. Received: '2'"):
        read_table(path)
