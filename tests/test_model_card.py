import os
import shutil
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner

from keras_genres.calibration_map import CalibrationMap, GenreMap
from keras_genres.cli import main
from keras_genres.evaluation.model_card import model_card
from keras_genres.evaluation.report import make_report, write_report
from keras_genres.genres import GENRES
from keras_genres.manifest import write_manifest
from keras_genres.verify import verify


def front_matter(card):
    _, text, body = card.split("---\n", 2)
    return yaml.safe_load(text), body


def card_of(run):
    return model_card(run, make_report(run))


def test_a_finished_run_has_a_card_that_is_hashed(finished):
    card = finished.model_card.read_text()
    assert "MODEL_CARD.md" in (finished.path / "hashes.json").read_text()
    for part in ("Result on test", "Data", "Thresholds", "Calibration", "Limits", "How to use it"):
        assert f"\n## {part}\n" in card
    assert finished.split().sha256 in card
    assert card == card_of(finished)


def test_a_report_made_again_writes_the_same_bytes_wherever_the_run_lies(finished, run):
    assert run.path != finished.path
    run.model_card.write_text("damaged")
    done = CliRunner().invoke(main, ["report", str(run.path)])
    assert done.exit_code == 0, done.output
    assert run.model_card.read_bytes() == finished.model_card.read_bytes()
    assert verify(run.path).is_whole


def test_a_card_that_was_changed_is_told_with_what_writes_it_again(run):
    run.model_card.write_text("changed")
    told = {each.file: each.todo for each in verify(run.path).findings}
    assert f"`keras-genres report {run.path}`" in told["MODEL_CARD.md"]


def test_the_front_matter_is_in_the_form_of_hugging_face(finished):
    value, _ = front_matter(card_of(finished))
    assert list(value) == ["library_name", "pipeline_tag", "tags", "metrics", "model-index"]
    assert (value["library_name"], value["pipeline_tag"]) == ("keras", "image-classification")
    assert finished.settings().model.backbone in value["tags"]
    (model,) = value["model-index"]
    (result,) = model["results"]
    assert {"type", "name"} <= set(result["task"]) and {"type", "name"} <= set(result["dataset"])
    for metric in result["metrics"]:
        assert set(metric) == {"type", "name", "value"} and type(metric["value"]) is float
    named = {metric["name"]: metric["value"] for metric in result["metrics"]}
    measures = make_report(finished).summaries["test"]["measures"]["tuned"]
    assert named["Macro F1"] == pytest.approx(measures["macro_f1"], abs=5e-5)


def test_hugging_face_reads_the_card(finished):
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(card_of(finished)).data
    assert data.library_name == "keras" and len(data.eval_results) >= 5
    assert {each.dataset_split for each in data.eval_results} == {"test"}


def test_every_genre_has_score_interval_and_threshold(finished):
    report = make_report(finished)
    lines = model_card(finished, report).splitlines()
    table = report.tables["test"].set_index("genre")
    for genre in GENRES:
        row = next(line for line in lines if line.startswith(f"| {genre} |")).replace("\\", "")
        low, high = report.summaries["test"]["intervals"]["genres"][genre]
        assert f"| {table.loc[genre, 'f1']:.3f} | [{low:.3f}, {high:.3f}] |" in row
        assert row.endswith(f"| {table.loc[genre, 'threshold']:.4f} |")


def test_a_calibrated_run_tells_of_it(run):
    assert "None: scores are the network's own" in card_of(run)
    run.save_calibration(CalibrationMap((GenreMap("platt", 0.5, -1.0),) * len(GENRES)), {})
    card = card_of(run)
    assert "None: scores" not in card and "| platt |" in card
    carried = run.calibration().carry_thresholds(run.thresholds())
    first = next(line for line in card.splitlines() if line.startswith("| Action |"))
    assert first.endswith(f"| {carried[0]:.4f} |")
    metrics = front_matter(card)[0]["model-index"][0]["results"][0]["metrics"]
    assert {"brier_score", "ece_score"} <= {metric["type"] for metric in metrics}


def test_a_hostile_title_stays_a_title(run, monkeypatch):
    import json

    facts = json.loads(run.environment_file.read_text())
    title = "x\n---\nlicense: mit # <script>alert(1)</script> [a](http://b) 'q' \"q\" 電影"
    run.environment_file.write_text(json.dumps(facts | {"title": title}))
    write_manifest(run.path)
    value, body = front_matter(card_of(run))
    assert "license" not in value
    assert value["model-index"][0]["name"].startswith("x")
    assert "<script>" not in body and "[a](http" not in body


def test_alarms_stand_before_the_numbers(run):
    assert "Before the numbers" not in card_of(run) or make_report(run).warnings
    facts = run.thresholds_file.read_text()
    run.thresholds_file.write_text(facts.replace('"chosen_on": "val"', '"chosen_on": "test"'))
    write_manifest(run.path)
    card = card_of(run)
    assert "## Before the numbers" in card and "TEST SCORES ARE NO RESULT" in card
    assert card.index("TEST SCORES ARE NO RESULT") < card.index("## Result on test")


def test_a_baseline_has_no_card(tmp_path):
    from synthetic import write_run

    run = write_run(tmp_path / "run")
    from keras_genres.evaluation.thresholds import sweep

    sweep(run)
    write_report(run)
    assert not run.model_card.exists()


@pytest.mark.slow
def test_the_code_of_the_card_runs(run, drawn):
    code = [part.split("```")[0] for part in run.model_card.read_text().split("```python\n")[1:]]
    assert len(code) == 2
    shutil.copy(
        next(drawn.rglob("*.jpg"), None) or next(drawn.rglob("*.png")), run.path / "poster.jpg"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", part],
            cwd=run.path,
            env=os.environ | {"PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for part in code
    ]
    picked = [sorted(text.strip("[]()").replace("'", "").strip(",").split(", ")) for text in said]
    assert picked[0] == picked[1]
