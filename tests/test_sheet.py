"""Drawing on a sheet: what is written is what is shown, in PNG and in SVG."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from keras_genres.evaluation.figures.frame import Frame, nice_ticks, thin
from keras_genres.evaluation.figures.lettering import (
    Words,
    clean_text,
    letter,
    shorten,
    text_width,
    wrap,
)
from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import (
    INK,
    PIXELS_PER_INCH,
    QUIET,
    TEST,
    VAL,
    house_style,
)

SVG = "{http://www.w3.org/2000/svg}"


def saved(sheet, folder):
    with house_style():
        sheet.save(folder, "sheet")
    with Image.open(folder / "sheet.png") as image:
        return np.asarray(image.convert("RGB")).astype(int)


def colour(text):
    return [int(text[place : place + 2], 16) for place in (1, 3, 5)]


def ink_box(pixels, wanted):
    """Return left, top, right, bottom of the pixels near a colour, in inches."""
    rows, columns = np.nonzero((np.abs(pixels - colour(wanted)) < 40).all(axis=2))
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return np.array(ends) / PIXELS_PER_INCH


def test_marks_are_where_they_were_put_in_their_colour(tmp_path):
    sheet = Sheet(2, "")
    sheet.box(1, 0.5, 2, 1, TEST)
    pixels = saved(sheet, tmp_path)
    assert pixels.shape == (320, 1280, 3)
    assert ink_box(pixels, TEST) == pytest.approx([1, 0.5, 3, 1.5], abs=0.007)
    assert pixels[160, 320].tolist() == colour(TEST) and pixels[10, 10].tolist() == [255] * 3


@pytest.mark.parametrize("across", ["left", "center", "right"])
@pytest.mark.parametrize("upright", [False, True])
def test_text_is_drawn_within_the_box_it_says(tmp_path, across, upright):
    sheet = Sheet(3, "")
    words = sheet.write(4, 1.5, "Hxg", VAL, 20, across=across, along="center", upright=upright)
    left, top, right, bottom = ink_box(saved(sheet, tmp_path), VAL)
    box = words.box
    assert box[0] - 0.02 <= left and box[1] - 0.02 <= top
    assert right <= box[2] + 0.02 and bottom <= box[3] + 0.02
    # And the box is no larger than it must be.
    assert np.allclose((left, top, right, bottom), box, atol=0.07)


def test_letters_are_not_on_their_sides():
    # An L stands on its foot: read upwards, the foot is to the right of the stem's end.
    shape = letter("L")
    assert shape.vertices[:, 1].min() == 0 and shape.vertices[:, 1].max() > 0.7


@pytest.mark.parametrize("text", ["$x_1^2$", "\\frac", "&<b>\"'", "日本語", "e\u0301", "\ue000"])
def test_any_text_is_plain_and_draws_without_a_warning(tmp_path, text):
    sheet = Sheet(1, "")
    words = sheet.write(1, 0.6, text, INK)
    saved(sheet, tmp_path)
    assert words.width > 0
    root = ElementTree.parse(tmp_path / "sheet.svg").getroot()
    uses = list(root.iter(f"{SVG}use"))
    assert len(uses) == len(text)  # a letter that the font lacks is a box
    assert text not in (tmp_path / "sheet.svg").read_text(encoding="utf-8")


def test_svg_has_each_letter_once_and_every_link_a_target(tmp_path):
    sheet = Sheet(1, "", ("plain", ("coloured", TEST)))
    for row in range(30):
        sheet.write(1, 0.5 + 0.01 * row, "banana", INK, 7 + row % 3)
    saved(sheet, tmp_path)
    text = (tmp_path / "sheet.svg").read_text(encoding="utf-8")
    names = re.findall('id="([^"]+)"', text)
    assert len(set(names)) == len(names) == len(set("plainbanana")) + len(set("coloured"))
    # Letters of the legend are bold, so they are others.
    assert set(re.findall('href="#([^"]+)"', text)) == set(names)
    assert set(re.findall("fill: ([^;\"]+)", text)) == {"#ffffff", INK.lower(), QUIET.lower(),
                                                       TEST.lower()}  # fmt: skip


def test_svg_and_png_show_the_same_marks(tmp_path):
    sheet = Sheet(2, "")
    sheet.line([1, np.nan, 2, 3], [1, np.nan, 1, 1.5], VAL, 2, dashes=(3, 2), alpha=0.5)
    sheet.dot(5, 1, TEST, 10)
    saved(sheet, tmp_path)
    root = ElementTree.parse(tmp_path / "sheet.svg").getroot()
    line = next(path for path in root.iter(f"{SVG}path") if VAL.lower() in path.get("style", ""))
    assert line.get("d") == "M144 72L216 108"  # what NaN broke off is a point alone
    assert "stroke-dasharray: 3,2" in line.get("style")
    assert "stroke-opacity: 0.5" in line.get("style")
    dot = next(root.iter(f"{SVG}circle"))
    assert (dot.get("cx"), dot.get("cy"), dot.get("r")) == ("360", "72", "5")


def test_pictures_are_in_the_png_pixel_for_pixel_and_make_no_svg(tmp_path):
    sheet = Sheet(1, "")
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    sheet.picture(1, 0.5, Image.fromarray(picture))
    assert (saved(sheet, tmp_path)[80:100, 160:190] == picture).all()
    assert not (tmp_path / "sheet.svg").exists()


def test_text_width_is_the_sum_of_its_letters_and_grows_with_size():
    assert text_width("ab", 10) == pytest.approx(text_width("a", 10) + text_width("b", 10))
    assert text_width("ab", 20) == pytest.approx(2 * text_width("ab", 10))
    assert text_width("ab", 10, bold=True) > text_width("ab", 10)


def test_shortened_text_fits_and_says_that_it_was_cut():
    long = "Winsor McCay, the Famous Cartoonist"
    short = shorten(long, 1.0, 8)
    assert short.endswith("…") and long.startswith(short[:-1])
    assert text_width(short, 8) <= 1.0
    assert shorten("Jaws", 1.0, 8) == "Jaws"
    assert shorten("W" * 500, 0.01, 8) == "…"


def test_wrapped_text_keeps_its_words_and_its_number_of_lines():
    assert wrap("Comedy, Horror, Mystery", 1.0, 7, 3) == ["Comedy, Horror,", "Mystery"]
    two = wrap("Winsor McCay, the Famous Cartoonist of the N.Y. Herald", 1.0, 7, 2)
    assert len(two) == 2 and two[1].endswith("…")
    assert all(text_width(line, 7) <= 1.0 for line in two)
    assert wrap("W" * 99, 0.5, 7, 2)[0].endswith("…")


def test_clean_text_is_one_line_of_what_can_be_seen():
    assert clean_text(" a\x00\n\tb\u202ec\x1b[31m ") == "a b c [31m"
    assert clean_text("\ud800x") == "x"
    assert clean_text("Amélie 日本") == "Amélie 日本"


def test_frame_puts_values_on_its_edges():
    frame = Frame(Sheet(5, ""), 1, 2, 3, 2, (10, 20), (0, 4))
    assert (frame.x(10), frame.x(20)) == (1, 4)
    assert (frame.y(0), frame.y(4)) == (4, 2)


def test_thinned_curves_look_the_same():
    x = np.linspace(0, 1, 5000)
    y = np.sin(9 * x)
    few_x, few_y = thin(x, y)
    assert len(few_x) < 200
    aside = np.abs(np.interp(x, few_x, few_y) - y) / np.hypot(1, 9 * np.cos(9 * x))
    assert 0 < aside.max() < 0.006
    assert (few_x[0], few_x[-1]) == pytest.approx((0, 1))


def test_ticks_are_round_and_within_the_scale():
    assert nice_ticks(3700) == [0, 1000, 2000, 3000]
    assert nice_ticks(0.35) == [0, 0.1, 0.2, 0.3]
    assert nice_ticks(1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(0) == [0]


def test_words_turned_upright_swap_their_sides():
    flat = Words(1, 1, "Drama", INK, 9)
    up = Words(1, 1, "Drama", INK, 9, upright=True)
    assert up.box[3] - up.box[1] == pytest.approx(flat.box[2] - flat.box[0])
