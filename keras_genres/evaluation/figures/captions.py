"""What a reader is told of each figure: title, caption, and text for a screen reader."""

from typing import NamedTuple


class FigureText(NamedTuple):
    """Texts of a figure."""

    name: str
    """Its files are `NAME.png` and, unless it holds posters, `NAME.svg`."""
    title: str
    caption: str
    """One or two sentences: how to read it."""
    alt: str
    """What it shows, for who does not see it."""


ERRORS_BY = "errors_by_"
"""Beginning of the names of figures of errors by a column."""

FIGURES = (
    FigureText(
        "genre_distribution",
        "Posters per genre",
        "How many posters of each genre there are to learn from, to choose thresholds on and to "
        "test with. A poster has one to three genres and counts in each.",
        "Stacked bars: training, validation and test posters of each genre, with their numbers, "
        "most frequent genre first.",
    ),
    FigureText(
        "samples",
        "Sample posters",
        "Training posters with the genres they are filed under, drawn at random so that every "
        "genre is among them. Judge for yourself what can be told from a poster.",
        "A sheet of training posters, each with its title where known and its genres.",
    ),
    FigureText(
        "f1_per_genre",
        "F1 per genre",
        "F1 weighs picking too much against picking too little; 1 is perfect. Where the dot is far "
        "right of the bar's end, the threshold fits validation better than new posters.",
        "Bars: test F1 of each genre, best first; dots: the same on validation; beside them "
        "threshold and number of test posters.",
    ),
    FigureText(
        "confusion",
        "Confusion of each genre",
        "For each genre, how many test posters that have it were picked (upper left) or missed "
        "(upper right), and how many of the others were picked wrongly (lower left) or left alone.",
        "Nineteen small tables of two by two: posters with and without the genre, picked and not, "
        "as numbers and as per cent of the row.",
    ),
    FigureText(
        "history",
        "Training",
        "Loss falls while the network learns; when the validation line turns up and training goes "
        "on falling, it learns its posters by heart. The circled epoch is the one that was kept.",
        "Two line charts over the epochs: loss on training and validation; macro F1 on validation "
        "with tuned thresholds and at 0.5. Unfreezing and best epoch are marked.",
    ),
    FigureText(
        "cooccurrence",
        "Genres that come together",
        "Row by row: of the posters with this genre, how many have the genre of the column too, in "
        "truth, in the picks, and the difference. An orange column is a genre picked too freely.",
        "Three maps of nineteen by nineteen genres: true and picked shares and their difference, "
        "with a list of the largest differences.",
    ),
    FigureText(
        "precision_recall_map",
        "Precision against recall",
        "To the right, more of a genre's posters are found; upwards, more of its picks are right. "
        "All places on a grey line have the same F1.",
        "A named dot for each genre: recall from left to right, precision from bottom to top, on "
        "lines of equal F1.",
    ),
    FigureText(
        "thresholds",
        "F1 over the threshold",
        "A genre is picked when its score reaches the threshold at the dot, the best one on "
        "validation. Where the two lines part, that choice carries over badly to new posters.",
        "Nineteen small line charts: F1 on validation and test over the threshold, with the chosen "
        "threshold as a dot.",
    ),
    FigureText(
        "precision_recall",
        "Precision and recall",
        "Each curve goes through all thresholds: the higher it stays on its way to the right, the "
        "better the scores rank that genre. Picking at random gives the grey line.",
        "Nineteen small line charts: precision over recall on test, the point at the chosen "
        "threshold, and average precision.",
    ),
    FigureText(
        "calibration",
        "Calibration",
        "Of posters with score 0.3, three in ten should have the genre: then the dots lie on the "
        "grey line. Above it scores are too low, below too high.",
        "Nineteen small charts: share of posters with the genre over the mean score, in bins of "
        "equal size, with intervals, expected calibration error and Brier score.",
    ),
    FigureText(
        "scores",
        "Scores",
        "How the scores spread for posters with the genre and for all others. The less the two "
        "overlap, the easier the genre; what lies right of the dashed line is picked.",
        "Nineteen pairs of histograms: scores of test posters with and without the genre, with the "
        "threshold as a line.",
    ),
    FigureText(
        "top_losses",
        "Top losses",
        "The test posters the model is most wrong about: often a hard poster, sometimes a wrong "
        "label. Worth a look before training anew.",
        "A sheet of test posters, each beside its true genres and wrong picks with their scores.",
    ),
)
"""In the order in which to read them; after them come the errors by columns."""


def figure_text(name):
    """Return the `FigureText` of a figure, by the name that `draw_figures` gave it.

    Raises:
        ValueError: If there is no such figure.
    """
    for text in FIGURES:
        if text.name == name:
            return text
    if not name.startswith(ERRORS_BY):
        raise ValueError(f"`name` must be that of a figure. Received: {name!r}")
    column = name.removeprefix(ERRORS_BY).replace("_", " ")
    return FigureText(
        name,
        f"Errors by {column}",
        "Samples F1 of the test posters of each kind. Lines that overlap much may well differ by "
        "chance; and kinds differ in their genres too, some of which are harder.",
        f"A dot with an interval for each kind of posters by {column}: mean samples F1, beside it "
        "macro F1 and the number of posters.",
    )
