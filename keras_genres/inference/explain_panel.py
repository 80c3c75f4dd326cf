"""The panel of an explanation: the poster, and its genres side by side."""

from PIL import Image

from keras_genres.evaluation.figures.lettering import clean_text, shorten, text_width
from keras_genres.evaluation.figures.poster_sheets import score_bar
from keras_genres.evaluation.figures.sheet import MARGIN, Sheet
from keras_genres.evaluation.figures.style import INK, QUIET, TEST, TRAIN
from keras_genres.inference.overlay import colour_scale

TITLES = {"gradcam": "Grad-CAM", "occlusion": "Occlusion"}
_HOW = {
    "gradcam": "bright where the network's last feature map raises the genre's score.",
    "occlusion": "bright where a grey patch on the poster lowers the genre's score.",
}
_MOST_ACROSS, _LEAST_ACROSS = 5, 4
_GAP = 0.14
_HEAD = 0.95
"""Inches above the first row."""
_CAPTION = 0.42
"""Inches above a picture: genre, score and bar."""
_LEGEND = 0.7
"""Inches below the last row."""
_LINE_INCHES = 0.15
_HIGHEST = 1.6  # of a picture's height by its width; a longer one is shown smaller


def panel(found, picture, overlays, name, model, backbone):
    """Return the `Sheet` of an explanation.

    Args:
        found: The `Explanation`.
        picture: The poster as an RGB `PIL.Image.Image`.
        overlays: By method, the posters with the maps on them, one a genre.
        name: Name of the poster.
        model: Name of the model.
        backbone: Name of its backbone.
    """
    across = min(_MOST_ACROSS, max(_LEAST_ACROSS, 1 + len(found.genres)))
    width = (8 - 2 * MARGIN + _GAP) / across - _GAP
    height = width * min(_HIGHEST, picture.height / picture.width)
    genres_a_row = across - 1
    blocks = [
        range(start, min(start + genres_a_row, len(found.genres)))
        for start in range(0, len(found.genres), genres_a_row)
    ]
    notes = {method: _notes(found, method) for method in overlays}
    rooms = {method: 0.04 + _LINE_INCHES * len(lines[0]) for method, lines in notes.items()}
    step = _CAPTION + len(overlays) * height + sum(rooms.values()) + 0.12
    methods = "Grad-CAM and occlusion" if len(overlays) > 1 else TITLES[next(iter(overlays))]
    about = clean_text(model) + ("" if model == backbone else f" ({clean_text(backbone)})")
    about += f", {methods}"
    subtitle = [
        [shorten(about, 7.7, 8.5)],
        [
            ("blue: given to the poster", TEST),
            ("grey: below its threshold", TRAIN),
            "Bar and number: the score. Tick: the threshold.",
        ],
    ]
    title = shorten(f"Why these genres: {clean_text(name)}", 7.7, 11, True)
    bottom = _HEAD + len(blocks) * step
    sheet = Sheet(bottom + _LEGEND, title, subtitle)
    for number, block in enumerate(blocks):
        top = _HEAD + number * step
        if number == 0:
            _show(sheet, picture, MARGIN, top + _CAPTION, width, height)
            sheet.write(MARGIN, top + 0.12, "Poster", INK, 9, bold=True)
        for column, index in enumerate(block, start=1):
            left = MARGIN + column * (width + _GAP)
            _caption(sheet, found, index, left, top, width)
            y = top + _CAPTION
            for method, pictures in overlays.items():
                _show(sheet, pictures[index], left, y, width, height)
                y += height
                for line, text in enumerate(notes[method][index]):
                    below = y + 0.12 + line * _LINE_INCHES
                    sheet.write(left, below, shorten(text, width, 7.5), QUIET, 7.5)
                y += rooms[method]
    _legend(sheet, overlays, bottom, width)
    return sheet


def _caption(sheet, found, index, left, top, width):
    colour = TEST if found.picks[index] else TRAIN
    score = f"{found.scores[index]:.2f}"
    room = width - text_width(score, 9) - 0.08
    genre = shorten(found.genres[index], room, 9, True)
    sheet.write(left, top + 0.12, genre, colour if found.picks[index] else INK, 9, bold=True)
    sheet.write(left + width, top + 0.12, score, colour, 9, across="right")
    bar = (found.scores[index], found.thresholds[index], colour)
    score_bar(sheet, left, left + width, top + 0.26, *bar)


def _notes(found, method):
    """Return for each genre the lines below its picture: how it was made, and what it is worth."""
    agreements = found.agreement if method == "occlusion" else None
    notes = []
    for index, evidence in enumerate(found.maps[method]):
        parts = [TITLES[method]] if len(found.maps) > 1 else []
        if method == "occlusion":
            parts.append(f"down to {found.covered_scores[index]:.2f}")
        lines = [", ".join(parts) if (evidence > 0).any() else "nothing speaks for it"]
        if agreements:
            each = agreements[index]
            lines.append("" if each is None else f"agrees {each:+.2f}")
        notes.append(lines)
    return notes


def _legend(sheet, overlays, top, width):
    """Write below everything what the colours mean."""
    sheet.picture(MARGIN, top, colour_scale(sheet.pixels(width), sheet.pixels(0.1)))
    sheet.write(MARGIN, top + 0.22, "nothing", QUIET, 7.5)
    sheet.write(MARGIN + width, top + 0.22, "strongest", QUIET, 7.5, across="right")
    for number, text in enumerate(_legend_lines(overlays)):
        y = top + 0.08 + number * _LINE_INCHES
        sheet.write(MARGIN + width + _GAP, y, text, QUIET, 7.5)


def _legend_lines(overlays):
    lines = [f"{TITLES[method]}: {_HOW[method]}" for method in overlays]
    if "occlusion" in overlays:
        lines.append("down to: the score while the patch lies where that costs most.")
    if len(overlays) > 1:
        lines.append(
            "agrees: how alike the two rank the parts (Spearman's rank correlation, -1 to +1)."
        )
    return lines


def _show(sheet, picture, left, top, width, height):
    size = sheet.pixels(width), sheet.pixels(height)
    scale = min(size[0] / picture.width, size[1] / picture.height)
    fitted = tuple(max(1, round(side * scale)) for side in picture.size)
    image = picture.resize(fitted, Image.Resampling.LANCZOS, reducing_gap=2.0)
    sheet.picture(left + (size[0] - image.width) / 2 / sheet.pixels(1), top, image)
