"""The page is sound HTML, asks for nothing, shows everything, and believes no text."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from synthetic import write_run

from keras_genres.evaluation.figures.captions import figure_text
from keras_genres.evaluation.page import TEMPLATES, report_page
from keras_genres.evaluation.report import make_report, write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES
from keras_genres.manifest import write_manifest

VOID = {"meta", "link", "img", "br", "hr"}
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'both'"
ENVIRONMENT = {
    "title": "MobileNetV2, blocks 13-16",
    "cut": "400 of 4,000 posters",
    "command": "keras-genres fit mobilenetv2 --data /home/ann lee/data --out ../other/run",
    "data": "/home/ann lee/data",
    "seconds": 100,
    "processor": "A CPU",
    "cores": 2,
    "gpus": [],
    "packages": {"numpy": "2.0", "jax": None},
}


class Page(HTMLParser):
    """What is in a page; fails where elements are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.texts, self.headings = [], [], [], {}, []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + text + "\n"

    def attributes(self, name):
        return [found[name] for _, found in self.tags if name in found]


def described_run(path, **environment):
    run = write_run(path, posters=120)
    sweep(run)
    run.environment_file.write_text(json.dumps(ENVIRONMENT | environment), encoding="utf-8")
    write_manifest(path)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = described_run(tmp_path_factory.mktemp("page") / "run")
    write_report(run, html=True)
    return run


@pytest.fixture(scope="module")
def text(run):
    return (run.report / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_page_is_sound_html_with_a_language_and_headings_in_order(page, text):
    assert text.startswith("<!doctype html>")
    assert ("html", {"lang": "en"}) in page.tags
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    assert len(set(page.ids)) == len(page.ids)


def test_every_link_and_reference_has_its_target(page):
    wanted = [link for link in page.attributes("href") if not link.startswith("data:")]
    wanted += [found.removeprefix("url(").rstrip(")") for found in page.attributes("clip-path")]
    wanted += [f"#{name}" for found in page.attributes("aria-labelledby") for name in found.split()]
    assert len(wanted) > 15
    assert {link for link in wanted if link[1:] not in page.ids} == set()


def test_page_loads_nothing(page, text):
    assert "://" not in text
    assert all(source.startswith("data:image/") for source in page.attributes("src"))
    assert not {"script", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    policy = next(
        found["content"]
        for tag, found in page.tags
        if found.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert page.attributes("style") == []  # the policy would forbid them


def test_every_figure_is_in_it_with_its_texts(run, page, text):
    drawn = sorted(path.stem for path in run.report.glob("*.png"))
    assert len(drawn) >= 5
    for name, title, caption, alt in map(figure_text, drawn):
        assert f"figure-{name.replace('_', '-')}" in page.ids
        assert title in page.texts["h3"] and caption in page.texts["figcaption"]
        assert alt in page.attributes("alt") + page.attributes("aria-label")


def test_numbers_are_those_of_the_report(run, page):
    report = make_report(run)
    cells = page.texts["td"].split()
    for split in ("val", "test"):
        table = report.tables[split]
        for name in ("precision", "recall", "f1"):
            assert {f"{value:.3f}" for value in table[name]} <= set(cells)
    assert f"{report.summaries['test']['measures']['tuned']['macro_f1']:.3f}" in page.texts["dd"]
    assert all(page.texts["th"].split().count(genre) == 2 for genre in GENRES)


def test_what_a_reader_must_know_is_said(page):
    assert "MobileNetV2, blocks 13-16" in page.texts["h1"]
    assert "Cut to size: 400 of 4,000 posters" in page.texts["strong"]
    assert "Validation scores are optimistic" in page.texts["li"]
    assert "2 min on A CPU, 2 cores, no GPU" in page.texts["dd"]
    assert "training.batch_size" in page.texts["th"]


def test_folders_of_the_machine_are_not_told(page, text, tmp_path_factory):
    assert "--data data\n--out run\n" in page.texts["span"]
    for part in ("/home", "ann lee", "../other", str(tmp_path_factory.getbasetemp())):
        assert part not in text


def test_hostile_texts_are_shown_and_not_run(tmp_path):
    run = described_run(
        tmp_path / "run",
        title=HOSTILE,
        cut=HOSTILE,
        command=HOSTILE,
        processor=HOSTILE,
        packages={HOSTILE: HOSTILE},
        data=f"/x/{HOSTILE}",
        gpus=[HOSTILE],
    )
    history = run.history_file.read_text()
    run.history_file.write_text(history.replace(",blocks,", ",<img src=x onerror=alert(1)>,"))
    write_report(run, html=True)
    text = (run.report / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags} and page.attributes("onerror") == []
    assert "<script>alert(1)" in page.texts["h1"]
    markdown = (run.report / "report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown and "<img" not in markdown


def test_page_is_the_same_bytes_in_another_process_without_keras_and_scikit_learn(run, text):
    code = (
        "import sys\n"
        "from keras_genres.evaluation.report import write_report\n"
        "from keras_genres.runs import Run\n"
        "write_report(Run.open(sys.argv[1]), html=True)\n"
        "assert not {'keras', 'tensorflow', 'jax', 'sklearn', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(run.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (run.report / "report.html").read_text(encoding="utf-8") == text


def test_page_of_a_run_without_history_environment_and_warnings(tmp_path):
    run = write_run(tmp_path / "run", posters=40, history=False)
    sweep(run)
    report = make_report(run)
    for part in report.summaries.values():
        part["warnings"] = []
    page = Page(report_page(run, report, tmp_path, []))
    assert "efficientnetv2s" in page.texts["h1"]
    assert not {"before", "training", "figures"} & set(page.ids)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_texts_stand_out_from_what_is_behind_them(scheme):
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    blocks = [
        dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", part))
        for part in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    colours = blocks[("light", "dark", "print").index(scheme)]
    for text in ("ink", "quiet", "test", "val", "train"):
        for back in ("page", "paper"):
            assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
    for back in ("soft", "alarm-page"):
        assert contrast(colours["ink"], colours[back]) >= 4.5
    assert contrast(colours["quiet"], colours["soft"]) >= 4.5
    assert contrast(colours["ink"], colours["val-area"]) >= 4.5
    assert contrast(colours["paper"], colours["test-area"]) >= 4.5
    assert contrast(colours["alarm"], colours["alarm-page"]) >= 4.5


def contrast(one, other):
    """Return the contrast ratio of WCAG 2 of two colours."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
