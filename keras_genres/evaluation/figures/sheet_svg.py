"""A sheet as SVG, written straight from its marks.

Each letter's outline stands once in the file and is used wherever it occurs,
so text needs no font and the file is half of what matplotlib would write.
Colours are only in `style` attributes, as matplotlib has them, so that a page
can put its own in their place.
"""

import numpy as np
from matplotlib.path import Path

from keras_genres.evaluation.figures.lettering import letter

_EM = 1000
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
_LENGTHS = {Path.CURVE3: 2, Path.CURVE4: 3}


def sheet_svg(sheet):
    """Return the SVG of a `Sheet`, without its pictures."""
    width, height = (72 * inches for inches in (sheet.width, sheet.height))
    size = f"{_number(width)} {_number(height)}"
    letters, words = {}, []
    for each in sheet.words:
        words.append(_words(each, letters))
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{_number(width)}pt" height="{_number(height)}pt" viewBox="0 0 {size}" '
        'version="1.1">',
        "<defs>",
        *(_letter(*which, name) for which, name in letters.items()),
        "</defs>",
        f'<path d="M0 0H{_number(width)}V{_number(height)}H0z" style="fill: #ffffff"/>',
        *(_mark(look, marks) for look, marks in sheet.marks()),
        *words,
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _mark(look, marks):
    alpha = "" if look.alpha == 1 else f"-opacity: {look.alpha:.3g}"
    fill = f"fill: {look.colour.lower()}"
    stroke = f"stroke: {look.colour.lower()}"
    if look.kind == "dot":
        style = f"fill: none; {stroke}" if look.hollow else f"{fill}; stroke: #ffffff"
        style += f"; stroke-width: {1 if look.hollow else 0.8}"
        radius = _number(look.width / 2)
        dots = (f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{radius}"/>' for x, y in marks)
        return f'<g style="{style}">{"".join(dots)}</g>'
    data = "".join(_path_data(points, codes) for points, codes in marks)
    if look.kind == "fill":
        style = fill + (alpha and f"; fill{alpha}")
    else:
        style = f"fill: none; {stroke}; stroke-width: {look.width:g}; stroke-linejoin: round"
        style += alpha and f"; stroke{alpha}"
        if look.dashes:
            style += f"; stroke-dasharray: {','.join(f'{dash:g}' for dash in look.dashes)}"
    return f'<path d="{data}" style="{style}"/>'


def _words(words, letters):
    """Return a line of text; letters seen for the first time get a name in `letters`."""
    x, y = (72 * value for value in words.start)
    parts, along = [], 0.0
    for character in words.text:
        shape = letter(character, words.bold)
        if len(shape.vertices):
            name = letters.setdefault((character, words.bold), f"l{len(letters)}")
            where = f' x="{round(along)}"' if round(along) else ""
            parts.append(f'<use xlink:href="#{name}"{where}/>')
        along += shape.advance * _EM
    if not parts:
        return ""
    turn = " rotate(-90)" if words.upright else ""
    place = f"translate({_number(x)} {_number(y)}){turn} scale({words.size / _EM:g})"
    style = f"fill: {'#ffffff' if words.colour == 'white' else words.colour.lower()}"
    return f'<g transform="{place}" style="{style}">{"".join(parts)}</g>'


def _letter(character, bold, name):
    shape = letter(character, bold)
    points = np.rint(shape.vertices * (_EM, -_EM))
    return f'<path id="{name}" d="{_path_data(points, shape.codes)}"/>'


def _path_data(points, codes):
    parts, place = [], 0
    points, codes = points.tolist(), codes.tolist()
    while place < len(codes):
        code = codes[place]
        if code == Path.CLOSEPOLY:
            parts.append("z")
            place += 1
            continue
        count = _LENGTHS.get(code, 1)
        numbers = [_number(value) for point in points[place : place + count] for value in point]
        parts.append(_COMMANDS[code] + " ".join(numbers))
        place += count
    return "".join(parts)


def _number(value):
    # Six digits hold a hundredth of a point; without an exponent below a million.
    return f"{value:.6g}" if abs(value) >= 1e-3 else "0"
