"""The page of the service: in its text, and in a real browser."""

import json
import re
import shutil
from html.parser import HTMLParser

import httpx
import pytest
from pictures import encoded, picture
from serving import files, poster, served
from test_page import contrast

from keras_genres.genres import GENRES
from keras_genres.inference.server.pages import FOLDER

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
BACK, TEXTS = ("page", "paper", "soft"), ("ink", "quiet", "pick-ink")


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def tags():
    return Tags((FOLDER / "index.html").read_text(encoding="utf-8")).found


def test_nothing_in_the_page_needs_another_host_or_what_the_policy_forbids(tags):
    for file in FOLDER.iterdir():
        text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "://" not in text and "@import" not in text and "innerHTML" not in text
    for tag, attributes in tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        assert tag != "style" and (tag != "script" or attributes["src"] == "page.js")


def test_every_name_in_the_page_has_its_element(tags):
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = set()
    for _, attributes in tags:
        for name in ("for", "aria-labelledby", "aria-describedby", "data-copies"):
            wanted.update((attributes.get(name) or "").split())
    for script in FOLDER.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        wanted.update(re.findall(r'(?:(?<!\.)\bget|getElementById)\("([\w-]+)"\)', text))
    assert wanted <= set(ids)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_and_bars_stand_out(scheme):
    css = (FOLDER / "page.css").read_text(encoding="utf-8")
    blocks = [
        dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", part))
        for part in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    colours = blocks[scheme]
    for back in BACK:
        for text in TEXTS:
            assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
    for back in ("page", "alarm-page"):
        assert contrast(colours["alarm"], colours[back]) >= 4.5
    for part in ("pick", "rest", "ink"):
        assert contrast(colours[part], colours["soft"]) >= 2.9, part
    assert contrast(colours["edge"], colours["page"]) >= 3


@pytest.fixture(scope="module")
def site(finished):
    with served(finished.path) as (_, host, port):
        yield f"http://{host}:{port}/"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("There is no Chromium.")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, site):
    """Return a function that opens the page; afterwards nothing was asked of another host."""
    contexts, asked, wrong = [], [], []

    def open_page(width=1200, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if "Security Policy" in m.text else None)
        page.goto(site)
        page.locator("#about", has_text="smallcnn").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
    assert asked and all(url.startswith((site, f"blob:{site}")) for url in asked)


def upload(*contents, names=None):
    """Return files for Playwright's `set_input_files`."""
    names = names or [f"p{number}.jpg" for number in range(len(contents))]
    return [
        {"name": name, "mimeType": "image/jpeg", "buffer": content}
        for name, content in zip(names, contents, strict=True)
    ]


def choose(page, *contents, **options):
    """Choose files and wait until all have their answer."""
    page.set_input_files("#files", upload(*contents, **options))
    page.locator(".genre, .error:visible").first.wait_for()
    page.wait_for_selector(".is-waiting", state="detached")


def test_a_poster_shows_its_genres_with_thresholds_json_and_curl(opened, site):
    page = opened()
    choose(page, poster(1))
    answer = httpx.post(f"{site}v1/predict", files=files(poster(1))).json()["predictions"][0]
    thresholds = httpx.get(f"{site}v1/model").json()["thresholds"]
    if answer["genres"]:
        assert page.inner_text("#picked") == ", ".join(answer["genres"])
    rows = page.locator(".genre")
    assert rows.count() == len(GENRES)
    names = [rows.nth(n).get_attribute("data-genre") for n in range(len(GENRES))]
    assert names[: len(answer["genres"])] == answer["genres"]
    for row, genre in zip(rows.all(), names, strict=True):
        track = row.locator(".track").bounding_box()
        mark, fill = (row.locator(f".{part}").bounding_box() for part in ("mark", "fill"))
        place = (mark["x"] + mark["width"] / 2 - track["x"]) / track["width"]
        assert place == pytest.approx(thresholds[genre], abs=0.01)
        assert row.get_attribute("aria-pressed") == "false"
        heard = f"threshold {thresholds[genre]:.2f}"
        assert heard in row.text_content()
        assert fill["width"] <= track["width"]
    assert json.loads(page.text_content("#json")) == answer | {"source": "p0.jpg"}
    assert page.inner_text("#curl") == f"curl -F 'posters=@p0.jpg' {site}v1/predict"
    assert page.locator("#gallery").is_hidden()


def test_posters_are_dropped(opened):
    page = opened()
    data = page.evaluate_handle(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", {type: "image/jpeg"}));
            return data;
        }""",
        list(poster(2)),
    )
    for event in ("dragenter", "dragover"):
        page.dispatch_event("#form", event, {"dataTransfer": data})
    assert "is-over" in page.get_attribute("body", "class")
    page.dispatch_event("main", "drop", {"dataTransfer": data})
    page.locator(".genre").first.wait_for()
    assert "is-over" not in page.get_attribute("body", "class")
    assert page.inner_text("#source") == "dropped.jpg"


def test_a_bad_file_is_told_and_keeps_nobody_up(opened):
    page = opened()
    choose(page, poster(1), b"text", poster(2))
    cards = page.locator(".card")
    assert cards.count() == 3
    assert "not an image" in cards.nth(1).text_content()
    assert "could not be scored" in page.text_content("#status")
    cards.nth(1).click()
    assert page.inner_text("#picked") == "This poster could not be scored"
    assert "not an image" in page.inner_text("#error")
    assert page.locator(".genre").count() == 0
    page.locator("#no-picture").wait_for()  # the browser tries the picture first


def test_the_gallery_is_walked_with_the_keyboard(opened):
    page = opened()
    choose(page, *map(poster, range(5)))
    assert page.inner_text("#count") == "5"
    page.get_by_role("radio").first.focus()
    for number in (1, 2):
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#source") == f"p{number}.jpg"
        assert page.get_by_role("radio").nth(number).is_checked()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "result"
    page.keyboard.press("Tab")
    assert "genre" in page.evaluate("() => document.activeElement.className")


def lit(page):
    """Return how many pixels of the evidence are opaque in part; 0 while it is not shown."""
    return page.evaluate(
        """() => {
            const light = document.getElementById("light");
            if (!light.classList.contains("is-on")) return 0;
            const data = light.getContext("2d").getImageData(0, 0, light.width, light.height).data;
            return data.filter((value, at) => at % 4 === 3 && value > 0).length;
        }"""
    )


def test_the_evidence_is_shown_by_pointer_keyboard_and_tap(opened):
    page = opened(has_touch=True)
    choose(page, poster(1))
    genre = page.locator(".genre").first
    caption = page.locator("#caption")
    assert lit(page) == 0
    genre.hover()
    caption.filter(has_text=genre.get_attribute("data-genre")).wait_for()
    assert lit(page) > 0 or "Nothing" in caption.inner_text()
    page.mouse.move(0, 0)
    page.wait_for_selector("#caption:empty", state="attached")
    assert lit(page) == 0
    page.locator("#clear").focus()
    while not page.evaluate("() => document.activeElement.matches('.genre')"):
        page.keyboard.press("Tab")
    caption.filter(has_text=genre.get_attribute("data-genre")).wait_for()
    page.keyboard.press("Enter")
    assert genre.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert genre.get_attribute("aria-pressed") == "false"
    page.wait_for_selector("#caption:empty", state="attached")
    other = page.locator(".genre").nth(1)
    other.tap()
    caption.filter(has_text=other.get_attribute("data-genre")).wait_for()
    assert other.get_attribute("aria-pressed") == "true"


def test_what_is_copied_is_what_is_shown(opened):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    choose(page, poster(1), names=['it\'s; a "poster".jpg'])
    page.get_by_role("button", name="Copy the curl line").click()
    page.locator("#status", has_text="Copied").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("curl -F 'posters=@\"it'\\''s; a \\\"poster\\\".jpg\"' http://")
    page.locator("summary").click()
    page.get_by_role("button", name="Copy the JSON").click()
    page.locator("#status", has_text="JSON").wait_for()
    assert json.loads(page.evaluate("() => navigator.clipboard.readText()"))["error"] is None


def test_a_hostile_name_is_text(opened):
    page = opened()
    name = "<img src=x onerror=alert(1)>.jpg"
    choose(page, poster(1), poster(2), names=[name, "b.jpg"])
    assert page.inner_text("#source") == name
    assert page.locator("img[onerror]").count() == 0


def test_on_a_phone_the_error_of_a_bad_file_is_in_sight(opened):
    page = opened(360, 740, has_touch=True)
    choose(page, poster(1), b"text")
    page.locator(".card").nth(1).tap()
    page.locator("#error", has_text="not an image").wait_for()
    for bottom in (False, True):
        page.evaluate("(bottom) => scrollTo(0, bottom ? document.body.scrollHeight : 0)", bottom)
        box = page.locator("#error").bounding_box()
        seen = page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y)?.id", [box["x"] + 5, box["y"] + 5]
        )
        assert seen == "error"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_schemes(opened, scheme, tmp_path):
    page = opened(360, 740, color_scheme=scheme, has_touch=True)

    def fits():
        widths = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1] == 360

    fits()
    choose(page, poster(1), names=["a-very-long-name-" * 12 + ".jpg"])
    fits()
    choose(page, *map(poster, range(2, 6)), b"text")
    fits()
    heights = [each.bounding_box()["height"] for each in page.locator(".genre").all()]
    assert min(heights) >= 43  # a finger's width
    shade = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", shade))) < 60) == (scheme == "dark")


def test_who_wants_less_motion_gets_none(opened):
    page = opened(reduced_motion="reduce")
    choose(page, poster(1), poster(2))
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((each) => {
            const style = getComputedStyle(each);
            return style.transitionProperty !== "none" || style.animationName !== "none";
        }).length"""
    )
    assert moving == 0


def test_everything_that_can_be_used_has_a_name(opened):
    page = opened()
    choose(page, poster(1), poster(2))
    for role in ("button", "radio", "link"):
        for each in page.get_by_role(role).all():
            snapshot = each.aria_snapshot()
            assert re.match(rf'- {role} "[^"]+', snapshot), snapshot
    assert page.get_by_label("Drop more posters").get_attribute("type") == "file"
    page.get_by_role("img", name="Poster p0.jpg").wait_for()
    assert page.get_by_role("group", name="Posters").is_visible()


def test_a_service_that_is_busy_is_asked_again_and_one_that_is_gone_is_told(opened):
    page = opened()
    answers = iter([429])

    def busy(route):
        if next(answers, None):
            route.fulfill(status=429, headers={"retry-after": "1"}, json={"error": "busy"})
        else:
            route.continue_()

    page.route("**/v1/predict", busy)
    choose(page, poster(1))
    assert page.locator(".genre").count() == len(GENRES)
    page.route("**/v1/predict", lambda route: route.abort())
    page.set_input_files("#files", upload(poster(2)))
    page.locator("#alert", has_text="cannot be reached").wait_for()
    page.get_by_role("button", name="Clear all").click()
    assert page.locator("#result").is_hidden()
    assert page.evaluate("() => document.activeElement.id") == "files"


def test_a_picture_the_browser_cannot_show_still_gets_its_scores(opened):
    page = opened()
    choose(page, encoded(picture(1), "TIFF"), names=["scan.tif"])
    assert page.locator(".genre").count() == len(GENRES)
    page.locator("#no-picture").wait_for()
