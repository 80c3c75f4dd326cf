import subprocess
import sys
from pathlib import Path

import pytest
from pictures import encoded, picture, write_posters

pa = pytest.importorskip("pyarrow")

from keras_genres.inference.predictor import Predictor  # noqa: E402
from keras_genres.inference.ray_batches import PredictBatch  # noqa: E402

EXAMPLE = Path(__file__).parents[1] / "experiments" / "predict_on_ray.py"


@pytest.fixture(scope="module")
def predict(finished):
    return PredictBatch(finished.path, batch_size=4)


@pytest.fixture
def paths(tmp_path):
    write_posters(tmp_path, 11, ["Drama"])
    (tmp_path / "p003.jpg").write_bytes(b"no picture")
    return sorted(map(str, tmp_path.glob("*.jpg")))


def test_a_batch_gets_genres_scores_and_errors(predict, finished, paths):
    got = predict(pa.table({"path": [*paths, None], "year": range(12)}))
    assert got.column_names == ["path", "year", "genres", "scores", "error"]
    assert got["year"].to_pylist() == list(range(12))
    wanted = Predictor.load(finished.path, batch_size=4).predict(paths)
    for row, one in zip(got.to_pylist(), wanted, strict=False):
        assert row["genres"] == list(one.genres) and row["error"] == one.error
        assert row["scores"] == (pytest.approx(one.scores, abs=1e-6) if one.scores else None)
    assert got["error"].to_pylist()[3].startswith("not an image")
    assert got["error"].to_pylist()[11] == "missing (an empty cell)"


def test_bytes_are_posters_too_and_columns_may_have_other_names(predict, finished, paths):
    data = encoded(picture(0), quality=90)
    by_bytes = predict(pa.table({"bytes": [data], "error": ["old"]}))
    assert by_bytes.column_names == ["bytes", "error", "genres", "scores"]
    assert by_bytes["error"].to_pylist() == [None]
    named = PredictBatch(finished.path, column="cover")(pa.table({"cover": paths[:1]}))
    assert named["scores"].to_pylist() == by_bytes["scores"].to_pylist()


def test_batches_without_any_genre_have_the_same_columns(predict, paths):
    bad = predict(pa.table({"path": [paths[3]]}))
    assert bad.schema == predict(pa.table({"path": paths[:1]})).schema


def test_other_batches_are_refused(predict):
    with pytest.raises(ValueError, match='batch_format="pyarrow"'):
        predict({"path": ["a.jpg"]})
    with pytest.raises(ValueError, match="no column 'path'"):
        predict(pa.table({"file": ["a.jpg"]}))


@pytest.mark.slow
def test_the_worked_example_runs_on_ray_of_this_machine(finished, paths, tmp_path):
    pytest.importorskip("ray.data")
    from pyarrow import parquet

    out = tmp_path / "genres"
    command = [sys.executable, str(EXAMPLE), str(finished.path), str(tmp_path), str(out)]
    done = subprocess.run(
        [*command, "--batch", "4"], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = sorted(parquet.read_table(out).to_pylist(), key=lambda row: row["path"])
    assert [row["path"] for row in rows] == paths
    wanted = Predictor.load(finished.path, batch_size=4).predict(paths)
    for row, one in zip(rows, wanted, strict=True):
        assert row["genres"] == list(one.genres) and row["error"] == one.error
        assert (row["scores"] or {}) == pytest.approx(one.scores, abs=1e-5)
