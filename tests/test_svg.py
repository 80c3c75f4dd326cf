from keras_genres.evaluation.figures.style import TEST, house_style, new_figure, place, save_svg
from keras_genres.evaluation.svg import inline_svg


def drawn(folder, colour=TEST, text="<b>&"):
    with house_style():
        figure = new_figure(2, "Title", ("plain", ("coloured", colour)))
        axes = place(figure, 0.5, 0.5, 0.5, 0.6)
        axes.plot([0, 1], [0, 1], "o-", color=colour)
        axes.text(0, 0.5, text)
        save_svg(figure, folder / "figure.svg")
    return (folder / "figure.svg").read_text(encoding="utf-8")


def test_colours_become_names_and_styles_attributes(tmp_path):
    found = inline_svg(drawn(tmp_path), "one-", "A line from 0 to 1")
    assert found.has_our_colours
    for name in ("s-test", "f-test", "f-ink", "a-paper"):  # line, letters, letters, area
        assert f'class="{name}"' in found.markup
    assert "style=" not in found.markup and "<style" not in found.markup
    assert 'aria-label="A line from 0 to 1"' in found.markup
    assert 'viewBox="0 0 576 144"' in found.markup


def test_colours_of_others_are_told(tmp_path):
    assert not inline_svg(drawn(tmp_path, "#123456"), "one-", "").has_our_colours


def test_nothing_is_named_that_is_not_there_and_no_two_figures_share_a_name(tmp_path):
    text = drawn(tmp_path)
    one, other = (inline_svg(text, prefix, "").markup for prefix in ("one-", "other-"))
    ids = {part.split('"')[0] for part in one.split(' id="')[1:]}
    links = {part.split('"')[0] for part in one.split('href="#')[1:]}
    assert links and links <= ids
    assert not ids & {part.split('"')[0] for part in other.split(' id="')[1:]}


def test_what_is_no_picture_is_left_out():
    found = inline_svg(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'onload="alert(1)"><script>alert(1)</script><!-- note --><a href="http://x"><g/></a>'
        '<image xlink:href="http://x/y.png"/><use xlink:href="#a"/>'
        '<g style="fill: url(http://x); behavior: url(x)"/></svg>',
        "p-",
        '"><script>',
    )
    assert "script>" not in found.markup and "alert" not in found.markup
    assert "note" not in found.markup and "<a" not in found.markup
    assert "<image />" in found.markup and 'href="#p-a"' in found.markup
    assert "behavior" not in found.markup and "http" not in found.markup
