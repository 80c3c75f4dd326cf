"""The figure of the leak."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from keras_genres.evaluation.figures.draw import read_history
from keras_genres.evaluation.figures.style import (
    QUIET,
    TEST,
    VAL,
    house_style,
    new_figure,
    place,
    save_png,
    save_svg,
)


def draw_leak(found, first, second, folder):
    """Write `leak.png` and `leak.svg`: validation macro F1 over both runs beside the test's.

    Args:
        found: What `leak.json` holds.
        first: The `Run` before the new draw.
        second: The `Run` after it.
        folder: Where to write.
    """
    before, drawn, after = found["rows"]
    histories = [read_history(run) for run in (first, second)]
    names = "val_macro_f1_tuned"
    with house_style():
        subtitle = (
            ("validation", VAL),
            ("test, left alone.", TEST),
            "Line: training and validation drawn anew, the weights kept.",
        )
        figure = new_figure(
            3.6, "A leak: macro F1 when a resumed run draws its split anew", subtitle
        )
        axes = place(figure, 0.6, 0.5, 1.7, 0.85)
        axes.set_xlabel("epoch")
        axes.set_ylabel("macro F1, thresholds of that epoch")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.grid(axis="y")
        length = len(histories[0])
        early = np.arange(1, length + 1)
        axes.set_xlim(0.5, length + len(histories[1]) + 0.5)
        late = length + np.arange(1, len(histories[1]) + 1)
        options = {"color": VAL, "marker": "o", "ms": 2.5}
        axes.plot(early, histories[0][names], **options)
        axes.plot(late, histories[1][names], **options)
        edge = length + 0.5
        axes.axvline(edge, color=QUIET, lw=0.9, ls=":")
        axes.plot([edge], [drawn["val_macro_f1"]], "D", color=VAL, ms=6, mec="white", mew=0.9)
        tests = [before["best_epoch"], length + after["best_epoch"]]
        values = [before["test_macro_f1"], after["test_macro_f1"]]
        axes.plot(tests, values, "o", color=TEST, ms=6, mec="white", mew=0.9, zorder=4)
        axes.plot(tests, values, color=TEST, lw=0.9, ls=(0, (3, 2)))
        axes.set_ylim(0, max(0.5, 1.12 * max(row["val_macro_f1"] for row in found["rows"])))
        last = histories[1][names].iloc[-1]
        best = f"of the new draw,\n{after['val_macro_f1']:.2f} at best"
        for x, y, text, colour, (right, up) in (
            (edge, drawn["val_macro_f1"], f"{drawn['val_macro_f1']:.2f}", VAL, (5, 9)),
            (late[-1], last, f"validation\n{best}", VAL, (14, 0)),
            (tests[0], values[0], f"test {values[0]:.2f}", TEST, (-16, -13)),
            (tests[1], values[1], f"test {values[1]:.2f}", TEST, (8, -2)),
        ):
            axes.annotate(
                text,
                (x, y),
                xytext=(right, up),
                textcoords="offset points",
                va="center",
                size=8.5,
                color=colour,
                annotation_clip=False,
            )
        save_png(figure, folder / "leak.png")
        save_svg(figure, folder / "leak.svg")
