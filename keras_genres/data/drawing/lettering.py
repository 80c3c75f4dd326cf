"""How the lettering of a sample poster is set: title, names, tagline and credits."""

import functools

from PIL import Image, ImageDraw, ImageFont

from keras_genres.data.drawing.words import invent_names, invent_tagline

_LETTER = 48

_BOLD, _PLAIN, _WIDE, _LEAN = (3, 0.03, 0.0), (2, 0.04, 0.0), (1, 0.34, 0.0), (3, 0.02, 0.24)
_FACES = {
    "Action": _LEAN, "Animation": (4, 0.08, 0.0), "Biography": _WIDE, "Comedy": (4, 0.04, 0.0),
    "Crime": _BOLD, "Documentary": _PLAIN, "Drama": _WIDE, "Family": (3, 0.08, 0.0),
    "Fantasy": (2, 0.2, 0.0), "History": (2, 0.3, 0.0), "Horror": (3, 0.16, 0.0), "Music": _BOLD,
    "Mystery": _WIDE, "Romance": (1, 0.1, 0.2), "Sci-Fi": (1, 0.44, 0.0), "Sport": _LEAN,
    "Thriller": _BOLD, "War": (3, 0.12, 0.0),
}  # fmt: skip


def set_text(canvas, text, x, y, width, height, color, face=_PLAIN, shadow=None, squeeze=1.6):
    """Set one line of text, centred on `(x, y)`, as large as the box lets it be.

    Args:
        width: Width of the box, in hundredths of the canvas's width.
        height: Height of the box, in the same unit.
        face: Boldness, tracking and lean, as `text_mask` takes them.
        shadow: Colour of a shadow below, if any.
        squeeze: How many times taller than natural letters may become to fill the box.
    """
    weight, tracking, shear = face
    mask = text_mask(text, tracking, weight, shear)
    wide = min(width, height * mask.width / mask.height)
    tall = min(height, squeeze * wide * mask.height / mask.width)
    size = (max(1, round(wide * canvas.unit)), max(1, round(tall * canvas.unit)))
    mask = mask.resize(size, Image.BILINEAR, reducing_gap=2.0)
    left, top = round(x * canvas.unit - size[0] / 2), round(y * canvas.unit - size[1] / 2)
    if shadow is not None:
        shift = max(1, round(0.7 * canvas.unit))
        canvas.image.paste(shadow, (left + shift, top + shift), mask)
    canvas.image.paste(color, (left, top), mask)


def set_title(canvas, title, genre, middle, color, shadow, rng):
    """Set the title in one or two lines around `middle`, with names above and a tagline below."""
    face = _FACES.get(genre, _PLAIN)
    text = title.upper() if genre != "Romance" else title
    words = text.split()
    if len(text) <= 11 or len(words) == 1:
        set_text(canvas, text, 50, middle, 80, 13, color, face, shadow)
    else:
        cuts = range(1, len(words))
        cut = min(cuts, key=lambda k: abs(len(" ".join(words[:k])) - len(text) / 2))
        first, second = " ".join(words[:cut]), " ".join(words[cut:])
        small = first in ("THE", "A", "AN", "NO", "The", "A", "An", "No")
        heights = (3.4, 10.6) if small else (7.8, 7.8)
        set_text(
            canvas, first, 50, middle - (6.8 if small else 4.5), 80, heights[0], color, face, shadow
        )
        set_text(
            canvas,
            second,
            50,
            middle + (1.8 if small else 4.5),
            80,
            heights[1],
            color,
            face,
            shadow,
        )
    names = "     ".join(invent_names(rng, int(rng.integers(2, 4)))).upper()
    small = _small_print(color, shadow)
    set_text(canvas, names, 50, middle - 11.2, 78, 2.5, small, (1, 0.12, 0.0))
    set_text(canvas, invent_tagline(rng), 50, middle + 10.8, 64, 2.7, small, (1, 0.06, 0.12))


def set_credits(canvas, year, color, shadow, rng):
    """Set two lines of credits and the year at the bottom."""
    color = _small_print(color, shadow)
    roles = ("directed by", "written by", "produced by", "music by", "edited by", "costumes by")
    line = canvas.height - 10.2
    names = [name.upper() for name in invent_names(rng, len(roles))]
    credit = [f"{role} {name}" for role, name in zip(roles, names, strict=True)]
    for k in range(2):
        part = "  ".join(credit[3 * k : 3 * k + 3])
        set_text(canvas, part, 50, line + 2.6 * k, 76, 2.0, color, (1, 0.0, 0.0), squeeze=2.6)
    release = f"{('IN CINEMAS', 'COMING', 'THIS AUTUMN', 'NOW SHOWING')[rng.integers(4)]}  {year}"
    set_text(canvas, release, 50, line + 5.9, 40, 2.2, color, (2, 0.2, 0.0))


def _small_print(color, shadow):
    """Return the colour of small letters: red on black, say, would not be legible."""
    dark = sum(shadow) < 200
    return tuple((part + 2 * 224) // 3 for part in color) if dark else color


def text_mask(text, tracking=0.0, weight=0, shear=0.0):
    """Return the text as an L picture, 255 where there is ink, cropped to it.

    Args:
        tracking: Extra space between letters, in shares of the letter height.
        weight: Boldness: pixels added around a letter 48 pixels high.
        shear: Lean to the right, in shares of the height.
    """
    glyphs = [_glyph(letter, weight, shear) for letter in text]
    gap = tracking * _LETTER + weight
    width = sum(advance + gap for _, advance in glyphs)
    mask = Image.new("L", (int(width) + 2 * _LETTER, 2 * _LETTER))
    x = 0.0
    for glyph, advance in glyphs:
        mask.paste(255, (round(x), 0), glyph)
        x += advance + gap
    return mask.crop(mask.getbbox() or (0, 0, 1, 1))


@functools.cache
def _glyph(letter, weight, shear):
    """Return one letter as an L picture, and how far the next one stands from it."""
    # Pillow carries this font itself, so every machine draws the same letters.
    font = ImageFont.load_default(_LETTER)
    side = 2 * _LETTER
    glyph = Image.new("L", (side, side))
    ImageDraw.Draw(glyph).text((16, 12), letter, fill=255, font=font, stroke_width=weight)
    if shear:
        lean = (1, shear, -0.7 * side * shear, 0, 1, 0)
        glyph = glyph.transform((side, side), Image.AFFINE, lean, Image.BILINEAR)
    return glyph, font.getlength(letter)
