"""Title, caption and alternative text of each figure that was drawn."""


def figure_texts(drawn):
    """Return `(name, title, caption, alt)` of figures, in their order.

    Args:
        drawn: Names, as `figures.draw_figures` returns them. One that has no
            texts of its own (errors by a column) gets a title from its name.
    """
    from keras_genres.evaluation import figures

    known = {figure[0]: figure for figure in getattr(figures, "FIGURES", ())}
    return [known[name] if name in known else _plain(name) for name in drawn]


def _plain(name):
    title = name.replace("_", " ")
    title = title[:1].upper() + title[1:]
    return name, title, "", title
