"""Figures as SVG within an HTML page: few elements, no styles of their own, our colours by name.

A page that forbids inline styles takes them as attributes; colours of
`style` become classes, so that the page decides what they are in the dark:
`s-NAME` of a line, `a-NAME` of an area, on which texts may stand, and
`f-NAME` of letters and dots.
"""

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from keras_genres.evaluation.figures import style

COLOURS = {
    "#ffffff": "paper",
    "white": "paper",
    style.INK.lower(): "ink",
    style.QUIET.lower(): "quiet",
    style.LINE.lower(): "line",
    style.TRAIN.lower(): "train",
    style.VAL.lower(): "val",
    style.TEST.lower(): "test",
}
"""Colour of a figure -> name of the page's variable for it."""

_ELEMENTS = {"svg", "g", "path", "use", "defs", "clipPath", "rect", "circle", "line", "image"}
_AREAS = {"path", "rect"}
_ATTRIBUTES = {
    "id", "d", "x", "y", "x1", "y1", "x2", "y2", "r", "cx", "cy", "width", "height", "viewBox",
    "transform", "clip-path", "preserveAspectRatio",
}  # fmt: skip
_STYLES = {
    "fill", "stroke", "fill-opacity", "stroke-opacity", "opacity", "stroke-width", "fill-rule",
    "stroke-linecap", "stroke-linejoin", "stroke-dasharray", "stroke-dashoffset",
    "image-rendering",
}  # fmt: skip
_LINK = re.compile(r"#|data:image/png;base64,")


@dataclass(frozen=True)
class InlineSvg:
    """A figure ready to be put into a page."""

    markup: str
    """The `svg` element."""
    has_our_colours: bool
    """Whether all its colours are of the page, so that it follows light and dark."""


def inline_svg(text, prefix, alt):
    """Return an SVG file of a figure as an element for a page.

    Args:
        text: Content of the file.
        prefix: Put before every id, so that figures do not share any.
        alt: What a reader is told who does not see it.
    """
    root = ElementTree.fromstring(text)
    unknown = set()
    _clean(root, prefix, unknown)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.attrib |= {"role": "img", "aria-label": alt, "focusable": "false"}
    return InlineSvg(ElementTree.tostring(root, encoding="unicode"), not unknown)


def _clean(element, prefix, unknown):
    """Keep what a picture needs, without namespaces; colours that are not ours go to `unknown`."""
    element.tag = _local(element.tag)
    element.text = element.tail = None
    found, element.attrib = element.attrib, {}
    for name, value in found.items():
        name = _local(name)
        if name == "id":
            value = prefix + value
        elif name == "clip-path":
            value = value.replace("url(#", f"url(#{prefix}")
        if name == "href" and _LINK.match(value):
            element.set("href", f"#{prefix}{value[1:]}" if value[0] == "#" else value)
        elif name == "style":
            _set_styles(element, value, unknown)
        elif name in _ATTRIBUTES:
            element.set(name, value)
    for child in list(element):
        if isinstance(child.tag, str) and _local(child.tag) in _ELEMENTS:
            _clean(child, prefix, unknown)
        else:
            element.remove(child)


def _set_styles(element, text, unknown):
    classes = []
    for part in text.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name not in _STYLES or "(" in value:  # url(…)
            continue
        element.set(name, value)
        if name in ("fill", "stroke") and value != "none":
            known = COLOURS.get(value.lower())
            kind = "a" if name == "fill" and element.tag in _AREAS else name[0]
            if known:
                classes.append(f"{kind}-{known}")
            else:
                unknown.add(value)
    if classes:
        element.set("class", " ".join(classes))


def _local(name):
    return name.rpartition("}")[2]
